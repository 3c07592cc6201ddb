"""What is measured: for each server its command, where it answers, and how a request to it looks."""

from __future__ import annotations

import json
import sys
import sysconfig
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.bench import wire
from tests.bench.environments import PEERS, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

OURS = "shipway"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
MODEL_INFER = "/inference.GRPCInferenceService/ModelInfer"


@dataclass(frozen=True)
class Form:
    """How one protocol is spoken: `path` with {model} in it, and what makes the message."""

    path: str
    body: Callable[[str, np.ndarray[Any, Any]], bytes]


@dataclass(frozen=True)
class Target:
    """A server under test. `forms` by protocol, "grpc" and "rest"; `how` says how it is set up, for the reader."""

    name: str
    title: str
    distribution: str
    forms: Mapping[str, Form]
    how: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a server runs: its Python, the folder of the models and the names of those it serves, its ports."""

    python: Path
    models: Path
    names: tuple[str, ...]
    grpc_port: int
    rest_port: int
    scratch: Path

    def options(self) -> list[str]:
        """As the adapters and the echo take them."""
        ports = [f"--grpc-port={self.grpc_port}", f"--rest-port={self.rest_port}"]
        return [*ports, f"--models={self.models}", *self.names]


@dataclass(frozen=True)
class Case:
    """A model with one request, `x` <float32>[1, ...], and its right answer, `y` <float32>[10]."""

    model: str
    x: np.ndarray[Any, Any] = field(repr=False)
    y: np.ndarray[Any, Any] = field(repr=False)


TENSORFLOW_SERVING = {
    "grpc": Form(PREDICT, wire.predict_request),
    "rest": Form("/v1/models/{model}:predict", wire.instances),
}
OPEN_INFERENCE = {
    "grpc": Form(MODEL_INFER, wire.model_infer_request),
    "rest": Form("/v2/models/{model}/infer", wire.infer),
}
OWN_REST = Form("/{model}", wire.rows)

SHIPWAY = Target(OURS, "Shipway", "shipway", TENSORFLOW_SERVING, "`python -m serving`, batching off")
BATCHING = Target(
    "shipway-batching",
    "Shipway, batching on",
    "shipway",
    TENSORFLOW_SERVING,
    "`python -m serving --enable_batching`, batches of 32 within 1 ms",
    ("--enable_batching=true",),
)
BATCHING_PARAMETERS = """max_batch_size { value: 32 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 2 }
"""
ECHO = Target("echo", "echo", "uvloop", TENSORFLOW_SERVING, "no model: a canned answer, on uvloop")
PEERS_BY_NAME = {
    target.name: target
    for target in (
        Target(
            "pytriton",
            "Triton (PyTriton)",
            "nvidia-pytriton",
            OPEN_INFERENCE,
            "Python backend, dynamic batching of 32, one instance per model",
        ),
        Target(
            "kserve",
            "KServe",
            "kserve",
            OPEN_INFERENCE,
            "one process, predict on its event loop",
            ("--configure_logging=false",),
        ),
        Target("mlserver", "MLServer", "mlserver", OPEN_INFERENCE, "one process, adaptive batching of 32 within 1 ms"),
        Target(
            "litserve", "LitServe", "litserve", {"rest": OWN_REST}, "one worker, batches of 32 without waiting; no gRPC"
        ),
        Target("bentoml", "BentoML", "bentoml", {"rest": OWN_REST}, "one worker, adaptive batching of 32; no gRPC"),
        Target(
            "ray",
            "Ray Serve",
            "ray",
            {"grpc": Form(PREDICT, wire.predict_request), "rest": OWN_REST},
            "one replica behind its proxy; gRPC with TensorFlow Serving's service",
        ),
        Target(
            "naive",
            "grpc.aio + FastAPI",
            "fastapi",
            TENSORFLOW_SERVING,
            "generated protobufs and `signature(**inputs)`, one process",
        ),
    )
}


def case(models: Path, model: str) -> Case:
    """The case that make_models.py left beside the model."""
    with np.load(models / model / "case.npz") as arrays:
        return Case(model, arrays["x"], arrays["y"])


def command(target: Target, place: Place) -> tuple[list[str], dict[str, str]]:
    """The command line that serves the models, and what its environment adds."""
    if target is ECHO:
        return [sys.executable, "-m", "tests.bench.limits.echo", *place.options()], {"PYTHONPATH": str(ROOT)}
    if target.name in PEERS_BY_NAME:
        return _peer_command(target, place)
    return _own_command(target, place)


def _peer_command(target: Target, place: Place) -> tuple[list[str], dict[str, str]]:
    line = [str(place.python), str(PEERS / target.name / "serve.py"), *target.flags, *place.options()]
    return line, {
        "PYTHONPATH": str(PEERS / "common"),
        "PATH": f"{place.python.parent}:/usr/local/bin:/usr/bin:/bin",
        "LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR")),  # Triton's backend is linked against libpython
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


def _own_command(target: Target, place: Place) -> tuple[list[str], dict[str, str]]:
    ports = [f"--port={place.grpc_port}", f"--rest_api_port={place.rest_port}"]
    line = [str(place.python), "-m", "serving", *ports, *target.flags]
    if target is BATCHING:
        parameters = place.scratch / "batching_parameters.txt"
        parameters.write_text(BATCHING_PARAMETERS)
        line.append(f"--batching_parameters_file={parameters}")
    if len(place.names) == 1:
        line += [f"--model_name={place.names[0]}", f"--model_base_path={place.models / place.names[0]}"]
    else:
        config = place.scratch / "models.config"
        config.write_text(models_config(place.models, place.names))
        line.append(f"--model_config_file={config}")
    return line, {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}


def models_config(models: Path, names: Sequence[str]) -> str:
    """A ModelServerConfig in protobuf's text format."""
    entries = [
        f"  config {{ name: {json.dumps(name)} base_path: {json.dumps(str(models / name))} "
        f'model_platform: "tensorflow" }}\n'
        for name in names
    ]
    return f"model_config_list {{\n{''.join(entries)}}}\n"
