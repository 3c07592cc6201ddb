"""A run's reports, as the steps write them, for the tests of the page."""

import base64
import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from workflows.report.facts import RunFacts

LABELS = ["0", "1", "2"]


def digest(letter: str) -> str:
    """A digest that is all one letter."""
    return f"sha256:{letter * 64}"


def step(name: str, second: int) -> dict[str, Any]:
    """What the command line adds to a step's report."""
    began, ended = f"2026-11-22T14:30:{second:02d}+00:00", f"2026-11-22T14:30:{second + 2:02d}+00:00"
    found = {"name": name, "started": began, "finished": ended, "seconds": 2.0}
    return {**found, "max_rss_mb": 300.5, "outcome": "ok", "error": None}


def picture() -> str:
    """A grey square as base64 PNG."""
    buffer = io.BytesIO()
    Image.new("L", (28, 28), 128).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def wrong() -> dict[str, Any]:
    """A wrong answer to a picture."""
    return {"id": "00042", "label": "1", "prediction": "2", "score": 0.63, "image": picture(), "features": None}


def scores(count: int, accuracy: float) -> dict[str, Any]:
    """A slice's scores."""
    return {"count": count, "metrics": {"accuracy": accuracy}}


def gate_check(name: str, value: float, bar: float, kind: str = "absolute") -> dict[str, Any]:
    """One of the gate's checks, on all examples, where more is better."""
    held = {"value": value, "bar": bar, "passed": value >= bar}
    return {"name": name, "metric": "accuracy", "slice": None, "kind": kind, **held}


WARNING = {"kind": "duplicate", "feature": None, "message": "2 are the same", "rows": ["7", "9"], "severity": "warning"}
FULL: dict[str, dict[str, Any]] = {
    "prepare": {
        "model": "digits",
        "source": "5,000 MNIST images",
        "examples": {"train": 3500, "validation": 500, "test": 1000},
        "data_digest": digest("d"),
        "labels": LABELS,
        "features": ["image"],
        "class_counts": {split: {"0": 10, "1": 11, "2": 12} for split in ("train", "validation", "test")},
    },
    "validate": {
        "anomalies": [WARNING],
        "checks": [{"name": "schema", "passed": True, "detail": "28 x 28 uint8"}],
        "drift": [
            {"feature": "mean intensity", "distance": 0.02, "threshold": 0.1},
            {"feature": "stroke width", "distance": 0.05, "threshold": 0.1},
        ],
        "baseline_version": "20261120091500",
    },
    "train": {
        "epochs": 2,
        "seed": 7,
        "history": {"loss": [0.5, 0.2], "val_loss": [0.4, 0.3], "accuracy": [0.8, 0.9], "val_accuracy": [0.9, 0.95]},
        "parameters": 34826,
        "weights_digest": digest("a"),
        "device": "CPU",
    },
    "evaluate": {
        "metrics": {"accuracy": 0.9841, "loss": 0.0573},
        "slices": {"label 0": scores(300, 0.99), "label 1": scores(350, 0.98)},
        "baseline": {
            "version": "20261120091500",
            "metrics": {"accuracy": 0.9812, "loss": 0.0712},
            "slices": {"label 0": scores(300, 0.985), "label 1": scores(350, 0.99)},
        },
        "confusion": [[298, 1, 1], [0, 345, 5], [2, 0, 348]],
        "labels": LABELS,
        "wrong": [wrong()],
        "test_examples": 1000,
    },
    "gate": {
        "passed": True,
        "checks": [gate_check("accuracy", 0.9841, 0.97), gate_check("no worse", 0.9841, 0.9762, "regression")],
        "baseline_version": "20261120091500",
    },
    "export": {
        "version": "20261122143000",
        "digest": digest("c"),
        "weights_digest": digest("a"),
        "bytes": 612345,
        "files": 9,
        "signatures": ["serving_default", "classify"],
    },
    "check": {
        "max_abs_difference": {"rest": 3e-8, "grpc": 0.0},
        "examples": 200,
        "latency_ms": {name: {"p50": 1.2, "p95": 1.6, "p99": 2.4} for name in ("rest", "grpc")},
        "server_rss_mb": 512.3,
        "ready_seconds": 3.2,
    },
    "release": {"environment": "dev", "commit": "9b1c" * 10, "version": "20261122143000"},
}
FULL = {name: {**found, "step": step(name, 3 * index)} for index, (name, found) in enumerate(FULL.items())}


FACTS = RunFacts(
    workflow="digits-20261122143000",
    uid="0b9f5c3e-9f51-4f39-8f2a-7f9dd0b7c3a1",
    status="Succeeded",
    seconds=23.0,
    source_commit="4d0c" * 10,
    parameters={"model": "digits", "data": "builtin", "epochs": "2", "seed": "7"},
)


def save(directory: Path, reports: dict[str, Any]) -> dict[str, Path]:
    """Writes reports as files, and returns them by step."""
    directory.mkdir(exist_ok=True)
    paths = {name: directory / f"{name}.json" for name in reports}
    for name, path in paths.items():
        path.write_text(json.dumps(reports[name]), encoding="utf-8")
    return paths


@pytest.fixture(scope="session")
def released_run(tmp_path_factory) -> tuple[RunFacts, dict[str, Path]]:
    """A run that released a version: what the engine knows, and its reports as files."""
    return FACTS, save(tmp_path_factory.mktemp("run") / "reports", FULL)


@pytest.fixture
def full() -> dict[str, dict[str, Any]]:
    """The reports of that run; yours to change."""
    return copy.deepcopy(FULL)


@pytest.fixture
def facts() -> RunFacts:
    """What the engine knows of that run."""
    return FACTS


@pytest.fixture
def saved(tmp_path: Path):
    """Saves reports as files, and returns them by step."""
    return lambda reports: save(tmp_path / "reports", reports)


@pytest.fixture
def refused(full: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The reports of a run that the gate refused."""
    for name in ("export", "check", "release"):
        del full[name]
    full["gate"].update(passed=False, checks=[gate_check("accuracy", 0.9841, 0.97), gate_check("floor", 0.9, 0.95)])
    full["gate"]["step"].update(outcome="failed", error="The gate refused digits: accuracy 0.9 is below 0.95.")
    return full


@pytest.fixture
def invalid(full: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The reports of a run whose data was refused."""
    anomaly = {"kind": "range", "feature": "mean radius", "message": "3 values of mean radius are outside 5 to 40"}
    full["validate"]["anomalies"] = [{**anomaly, "rows": ["r0012", "r0133"], "severity": "error"}]
    full["validate"]["step"].update(outcome="failed", error="The data has 1 error: mean radius is outside 5 to 40.")
    return {name: full[name] for name in ("prepare", "validate")}
