"""Tiny SavedModels, built once, and servers on free ports."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import grpc
import httpx
import pytest

from serving.config.model_config import ModelConfig
from serving.options import ServerOptions
from serving.server import Server

ROOT = Path(__file__).parents[2]


def build(path: Path, offset: float) -> Path:
    """A model that answers `x / 2 + offset`, and its odd relatives, each under a signature of its own."""
    import tensorflow as tf

    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.offset = tf.Variable(offset)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def half(self, x):
            return {"y": x / 2 + self.offset}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def classify(self, inputs):
            scores = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"] / 2 + self.offset
            return {"scores": scores, "classes": tf.fill(tf.shape(scores), "half")}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
        def text(self, image):
            return {"image_bytes": image, "length": tf.strings.length(image)}

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, 2], tf.float32, name="a"),
                tf.TensorSpec([None], tf.int64, name="b"),
            ]
        )
        def pair(self, a, b):
            return {"sum": tf.reduce_sum(a, 1) + self.offset, "b": b}

        @tf.function(input_signature=[tf.TensorSpec([], tf.int32, name="steps")])
        def slow(self, steps):
            return {"steps": tf.while_loop(lambda i: i < steps, lambda i: (i + 1,), [tf.constant(0)])[0]}

    model = Model()
    names = {"half": "serving_default", "classify": "classify", "text": "text", "pair": "pair", "slow": "slow"}
    tf.saved_model.save(model, str(path), signatures={name: getattr(model, attr) for attr, name in names.items()})
    return path


@pytest.fixture(scope="session")
def half_plus_two(tmp_path_factory) -> Path:
    """A SavedModel that answers x / 2 + 2."""
    return build(tmp_path_factory.mktemp("saved") / "half_plus_two", 2.0)


@pytest.fixture(scope="session")
def half_plus_three(tmp_path_factory) -> Path:
    """A SavedModel that answers x / 2 + 3."""
    return build(tmp_path_factory.mktemp("saved") / "half_plus_three", 3.0)


@pytest.fixture(scope="session")
def publish():
    """Copies a SavedModel to `<base>/<version>` with one rename, as a store does."""

    def run(saved: Path, base: Path, version: int) -> Path:
        base.mkdir(parents=True, exist_ok=True)
        shutil.copytree(saved, base / f"{version}.tmp")
        (base / f"{version}.tmp").rename(base / str(version))
        return base / str(version)

    return run


@pytest.fixture(scope="session")
def write_manifest():
    """Lists every file of a version with its sha256."""

    def run(version: Path) -> None:
        files = {
            path.relative_to(version).as_posix(): f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
            for path in version.rglob("*")
            if path.is_file()
        }
        (version / "assets.extra").mkdir(exist_ok=True)
        (version / "assets.extra" / "manifest.json").write_text(json.dumps({"files": files}))

    return run


@pytest.fixture(scope="session")
def free_port():
    """A port that nobody listens on."""

    def run() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    return run


class Clients:
    """A running server with a REST client and a gRPC channel."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.rest = httpx.Client(base_url=f"http://127.0.0.1:{server.options.rest_api_port}", timeout=30)
        unlimited = [("grpc.max_receive_message_length", -1)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{server.options.grpc_port}", unlimited)

    def close(self) -> None:
        """Stops clients and server."""
        self.rest.close()
        self.channel.close()
        self.server.stop()


@pytest.fixture(scope="session")
def start_server(free_port):
    """Starts servers in this process on free ports; all stop at the end."""
    started = []

    def run(base: Path | None = None, source=None, **changes) -> Clients:
        models = (ModelConfig("half", str(base)),) if base else ()
        options = ServerOptions(
            grpc_port=free_port(),
            rest_api_port=free_port(),
            host="127.0.0.1",
            models=models,
            file_system_poll_wait_s=0.05,
        )
        server = Server(replace(options, **changes), source)
        server.start()
        started.append(Clients(server))
        return started[-1]

    yield run
    for clients in started:
        clients.close()


@pytest.fixture(scope="session")
def half(start_server, half_plus_two, publish, tmp_path_factory) -> Clients:
    """One server for all tests that only ask; it serves `half` version 123."""
    base = tmp_path_factory.mktemp("half")
    publish(half_plus_two, base, 123)
    return start_server(base)


@pytest.fixture
def run_process():
    """Starts `python -m serving` with the given flags; whatever still runs is killed at the end."""
    processes = []

    def run(*flags: str) -> subprocess.Popen:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "serving", *flags],
                cwd=ROOT,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def wait_until():
    """Asks again until a condition of another process holds."""

    def run(condition, timeout_s: float = 60):
        deadline = time.monotonic() + timeout_s
        while not (result := condition()):
            assert time.monotonic() < deadline, "it never held"
            time.sleep(0.02)
        return result

    return run
