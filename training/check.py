"""The step check: does a real model server give the answers that the model gives in this process?"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from training import dataset as datasets
from training import manifest
from training import report as reports
from training.errors import CheckError
from training.examples import Array, Examples
from training.model import Model, find
from training.progress import say
from training.server import Server, serving
from training.step import InputPath, OutputPath

TOLERANCE = 1e-5
EXAMPLES = 32
TIMED = 50  # requests of one example each, per transport
PERCENTILES = (50, 95, 99)


def check(*, model: str, dataset: InputPath, exported: InputPath, report: OutputPath) -> None:
    """Starts `python -m serving` on the export, sends test examples by REST and gRPC, and compares with in-process.

    Raises: UnknownModelError; ArtifactError; CheckError (the server died, refused, or answered otherwise).
    """
    found = find(model)
    test = datasets.read(dataset, model).splits["test"]
    version = str(manifest.read(exported)["version"])
    sample = test.take(np.arange(min(EXAMPLES, len(test))))
    with ThreadPoolExecutor(1) as pool, serving(exported, model, version) as server:
        say(f"started the model server as process {server.process.pid}")
        ready = pool.submit(server.wait)  # this process needs as long to import TensorFlow as the server does
        expected = _in_process(found, exported, sample)
        seconds = ready.result()
        say(f"the model server is ready after {seconds:.2f} s")
        content = {**measure(server, sample, expected), "ready_seconds": seconds}
    reports.write(report, content)
    differences = content["max_abs_difference"]
    say("largest difference: " + ", ".join(f"{name} {value:.2g}" for name, value in differences.items()))
    if worst := [f"{name} ({value:.3g})" for name, value in differences.items() if not value <= TOLERANCE]:
        raise CheckError(
            f"the server's answers over {' and '.join(worst)} are more than {TOLERANCE:g} away from the model's own: "
            "do not release this version"
        )


def measure(server: Server, sample: Examples, expected: Mapping[str, Array]) -> dict[str, Any]:
    """The report: largest difference and latency percentiles (ms) per transport, and the server's memory (MiB)."""
    from training.client import Client

    with Client(server.model, rest=server.rest, grpc_address=server.grpc) as client:
        rest = [client.rest_rows(sample.features), client.rest_columns(sample.features)]
        return {
            "max_abs_difference": {
                "rest": max(difference(answer, expected) for answer in rest),
                "grpc": difference(client.grpc(sample.features), expected),
            },
            "examples": len(sample),
            "latency_ms": {"rest": _latency(client.rest_rows, sample), "grpc": _latency(client.grpc, sample)},
            "server_rss_mb": round(server.rss_mb(), 1),
        }


def _in_process(model: Model, exported: Path, sample: Examples) -> dict[str, Array]:
    from training import servable

    return servable.load(exported, {feature.name for feature in model.config.features}).answer(sample.features)


def difference(answer: Mapping[str, Array], expected: Mapping[str, Array]) -> float:
    """The largest absolute difference of the numbers; NaN if one of them is, which is never within a tolerance.

    Raises: CheckError (an output is missing, has another shape, holds no number where one is, or other text).
    """
    largest = 0.0
    for name, values in expected.items():
        received = answer.get(name)
        if received is None or received.shape != values.shape:
            shape = None if received is None else list(received.shape)
            raise CheckError(f"the server's output {name} must have the shape {list(values.shape)}. Received: {shape}")
        if values.dtype == object:
            _same_text(name, received, values)
        else:
            largest = float(np.maximum(largest, np.abs(received.astype(np.float64) - values).max()))
    return largest


def _same_text(name: str, received: Array, values: Array) -> None:
    wrong = np.flatnonzero(received.astype(str) != values.astype(str))
    if len(wrong):
        row = wrong[0]
        raise CheckError(f"the server's {name} differ in {len(wrong)} rows, first {received[row]} for {values[row]!r}")


def _latency(ask: Callable[[Mapping[str, Array]], Mapping[str, Array]], sample: Examples) -> dict[str, float]:
    """Percentiles of single requests of one example, one after the other, in milliseconds."""
    taken = []
    for request in range(TIMED):
        features = sample.take(np.array([request % len(sample)])).features
        started = time.perf_counter()
        ask(features)
        taken.append((time.perf_counter() - started) * 1000)
    return {f"p{percent}": round(float(np.percentile(taken, percent)), 3) for percent in PERCENTILES}
