"""SavedModels built once, and one server for all tests that only ask."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.conformance.wire import Server, models_config

VERSION = 123


@pytest.fixture(scope="session")
def saved(tmp_path_factory) -> Path:
    """The folder that has every SavedModel of models.py."""
    folder = tmp_path_factory.mktemp("conformance") / "saved"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"}
    script = Path(__file__).with_name("models.py")
    done = subprocess.run([sys.executable, str(script), str(folder)], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return folder


@pytest.fixture(scope="session")
def place(saved):
    """Puts a version of a model at `base/<version>` with one rename."""
    numbers = itertools.count()

    def run(model: str, base: Path, version: int | str = VERSION) -> Path:
        base.mkdir(parents=True, exist_ok=True)
        new = base / f"new.{next(numbers)}"
        shutil.copytree(saved / model, new)
        return new.rename(base / str(version))

    return run


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Starts `python -m serving` with the given flags; all are ended at the end of the session."""
    folder, started = tmp_path_factory.mktemp("servers"), []

    def run(*flags: str, **options) -> Server:
        started.append(Server(folder / f"server_{len(started)}", *flags, **options))
        return started[-1]

    yield run
    for server in started:
        server.stop()


MODELS = {
    "half": "half_plus_two",
    "echo": "echo",
    "matrix": "matrix",
    "defaults": "defaults",
    "counter": "counter",
    "slow": "slow",
    "examples": "examples",
    "object_based": "object_based",
    # names that need percent-encoding in a URL
    "a/b": "plus_1",
    "a:b": "plus_2",
    "a b": "plus_3",
    "mod\u00e8le": "plus_1",
    "q?a=b": "plus_2",
}


@pytest.fixture(scope="session")
def main(start, place, tmp_path_factory) -> Server:
    """All models at version 123, and `many` at 1, 2 and 3 (x + version); flags at their defaults."""
    folder = tmp_path_factory.mktemp("main")
    bases = {}
    for number, (name, model) in enumerate(MODELS.items()):
        bases[name] = folder / str(number)
        place(model, bases[name])
    for number in (1, 2, 3):
        place(f"plus_{number}", folder / "many", number)
    bases["many"] = folder / "many"
    config = folder / "models.config"
    config.write_text(models_config(bases, {"many": "model_version_policy { all {} }"}))
    return start(f"--model_config_file={config}").ready()


COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:5f1d2c"


@pytest.fixture(scope="session")
def options(start, place, tmp_path_factory) -> Server:
    """A server with every option on that changes answers, and `half` with a manifest that has a digest."""
    folder = tmp_path_factory.mktemp("options")
    for model in ("echo", "slow", "examples"):
        place(model, folder / model)
    extra = place("half_plus_two", folder / "half") / "assets.extra"
    extra.mkdir()
    files = {
        path.relative_to(extra.parent).as_posix(): f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in extra.parent.rglob("*")
        if path.is_file()
    }
    (extra / "manifest.json").write_text(json.dumps({"files": files, "digest": DIGEST}))
    for number in (1, 2, 3):
        place(f"plus_{number}", folder / "many", number)
    config, monitoring = folder / "models.config", folder / "monitoring.config"
    labels = (
        'model_version_policy { all {} } version_labels { key: "stable" value: 1 } '
        'version_labels { key: "canary" value: 3 } version_labels { key: "a/b" value: 2 } '
        'version_labels { key: "gone" value: 9 }'
    )
    bases = {name: folder / name for name in ("echo", "slow", "examples", "half", "many")}
    config.write_text(models_config(bases, {"many": labels}))
    monitoring.write_text('prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }')
    return start(
        f"--model_config_file={config}",
        f"--monitoring_config_file={monitoring}",
        "--allow_version_labels_for_unavailable_models=true",
        "--rest_api_enable_cors_support=true",
        "--rest_api_timeout_in_ms=300",
        "--enable_grpc_healthcheck_service=true",
        "--enable_signature_method_name_check=true",
        "--enable_serialization_as_tensor_content=true",
        f"--release_commit={COMMIT}",
    ).ready()
