"""Lifecycle, data plane and transports keep apart."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "serving"
TRANSPORTS = {"serving.rest", "serving.grpc", "serving.http2", "grpc", "httptools", "uvloop", "hpack"}
TENSORFLOW = {"tensorflow", "tensorflow_serving"}
PURE = [
    "rest/json_reader",
    "rest/json_text",
    "rest/json_tensor",
    "rest/tensor_json",
    "core/aspired_version_policy",
    "core/readiness",
    "config/config_checks",
    "config/model_config",
    "config/text_tokens",
    "config/text_proto_error",
    "sources/version_policy",
    "batching/batch_queue",
    "batching/merge",
    "batching/padding",
    "batching/run_pace",
    "monitoring/prometheus_exporter",
    "relay/relay_protocol",
]


def imported(path):
    """Every module that a file imports, in functions and for types too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    return found


def under(names, *roots):
    """The names that are one of the roots or inside it."""
    return {name for name in names for root in roots if name == root or name.startswith(f"{root}.")}


@pytest.mark.parametrize(
    ("files", "forbidden"),
    [
        (
            "core/*.py",
            {
                "serving.servables",
                "serving.sources",
                "serving.server",
                "serving.server_core",
                "serving.plane",
                *TRANSPORTS,
                *TENSORFLOW,
            },
        ),
        (
            "sources/*.py",
            {"serving.servables", "serving.server_core", "serving.plane", *TRANSPORTS, *TENSORFLOW},
        ),
        (
            "servables/*.py",
            {"serving.sources", "serving.server", "serving.server_core", "serving.plane", *TRANSPORTS},
        ),
        (
            "config/*.py",
            {
                "serving.core",
                "serving.servables",
                "serving.batching",
                "serving.server",
                "serving.server_core",
                "serving.plane",
                *TRANSPORTS,
            },
        ),
        ("server_core.py", {"serving.plane", "serving.server", *TRANSPORTS, *TENSORFLOW}),
        ("plane/*.py", {"serving.server", *TRANSPORTS, *TENSORFLOW}),
        (
            "rest/*.py",
            {"serving.grpc", "serving.http2", "serving.server", "serving.core.aspired_versions_manager", "grpc"},
        ),
        ("grpc/*.py", {"serving.rest", "serving.server", "serving.core.aspired_versions_manager"}),
        (
            "http2/*.py",
            {
                "serving.grpc",
                "serving.rest",
                "serving.core",
                "serving.server_core",
                "serving.plane",
                *TENSORFLOW,
            },
        ),
        (
            "batching/*.py",
            {
                "serving.core",
                "serving.sources",
                "serving.server_core",
                "serving.plane",
                *TRANSPORTS,
                *TENSORFLOW,
            },
        ),
        (
            "relay/*.py",
            {"serving.core", "serving.servables", "serving.server", "serving.plane", "numpy", *TENSORFLOW},
        ),
        (
            "monitoring/*.py",
            {"serving.core", "serving.servables", "serving.batching", "serving.config", *TRANSPORTS, *TENSORFLOW},
        ),
    ],
)
def test_a_layer_imports_nothing_of_those_above_it(files, forbidden):
    """Lifecycle knows no TensorFlow and no transport; the data plane no transport; transports not each other."""
    paths = list(PACKAGE.glob(files))

    assert paths
    assert {} == {path.name: wrong for path in paths if (wrong := under(imported(path), *forbidden))}


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_do_no_input_or_output(name):
    """Policies and codecs are functions of their arguments."""
    forbidden = {"os", "pathlib", "socket", "threading", "time", "asyncio", "logging"}

    assert set() == imported(PACKAGE / f"{name}.py") & forbidden


def test_the_command_line_is_read_without_heavy_imports():
    """And bad options refused, and a server embedded, before TensorFlow is there."""
    code = "import sys, serving.__main__, serving.server; print({'tensorflow', 'grpc', 'hpack'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "set()\n" == result.stdout
