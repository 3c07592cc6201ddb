"""Datasets made once, and one true run of each model for the tests that need its outputs."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from training.evaluate import evaluate
from training.examples import Examples
from training.export import export
from training.prepare import prepare

ROOT = Path(__file__).parents[2]
VERSION = "20261122143000"
Command = Callable[..., list[str]]


def command(step: str, **flags: object) -> list[str]:
    """The command line of a step."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
    return [sys.executable, "-m", "training", step, *options]


@pytest.fixture(scope="session")
def step_command() -> Command:
    """Makes the command line of a step."""
    return command


@pytest.fixture(scope="session")
def run_step() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs a step as a process of its own, as the engine does."""

    def run(step: str, **flags: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command(step, **flags), cwd=ROOT, text=True, capture_output=True, check=False)

    return run


@pytest.fixture(scope="session")
def make_examples() -> Callable[..., Examples]:
    """Makes n cancer-like rows, all different, whose labels alternate."""
    from training.models.cancer.config import CONFIG

    def make(count: int, offset: float = 0.0, seed: int = 0) -> Examples:
        values = np.random.default_rng(seed).uniform(1, 2, (count, len(CONFIG.features))) + offset
        columns = {feature.name: values[:, place].astype(np.float32) for place, feature in enumerate(CONFIG.features)}
        ids = np.array([f"row:{seed}-{row}" for row in range(count)])
        return Examples(columns, np.arange(count, dtype=np.int64) % 2, ids)

    return make


@pytest.fixture(scope="session")
def cancer_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset directory of the tabular model."""
    folder = tmp_path_factory.mktemp("cancer")
    prepare(model="cancer", data="builtin", dataset=folder / "dataset", report=folder / "prepare.json")
    return folder / "dataset"


@pytest.fixture(scope="session")
def digits_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset directory of the digits."""
    folder = tmp_path_factory.mktemp("digits")
    prepare(model="digits", data="builtin", dataset=folder / "dataset", report=folder / "prepare.json")
    return folder / "dataset"


@pytest.fixture(scope="session")
def cancer_run(cancer_data: Path, run_step: Callable[..., "subprocess.CompletedProcess[str]"]) -> SimpleNamespace:
    """The tabular model, trained as its config says and evaluated."""
    return finished(run_step, "cancer", cancer_data)


@pytest.fixture(scope="session")
def digits_run(digits_data: Path, run_step: Callable[..., "subprocess.CompletedProcess[str]"]) -> SimpleNamespace:
    """The digits, trained as their config says and evaluated."""
    return finished(run_step, "digits", digits_data)


@pytest.fixture(scope="session")
def cancer_export(cancer_run: SimpleNamespace) -> Path:
    """The tabular model's version directory."""
    return exported(cancer_run)


@pytest.fixture(scope="session")
def digits_export(digits_run: SimpleNamespace) -> Path:
    """The digits' version directory."""
    return exported(digits_run)


def exported(run: SimpleNamespace) -> Path:
    """Exports a finished run."""
    folder = run.dataset.parent
    export(
        model=run.model,
        dataset=run.dataset,
        trained=run.trained,
        evaluation=run.evaluation,
        version=VERSION,
        source_commit="abc",
        workflow="train-x",
        uid="trace",
        exported=folder / "exported",
        report=folder / "export.json",
    )
    return folder / "exported"


def finished(run_step: Callable[..., "subprocess.CompletedProcess[str]"], model: str, dataset: Path) -> SimpleNamespace:
    """A run of train (a process, for its determinism is the process's) and evaluate."""
    folder = dataset.parent
    trained, report = folder / "trained", folder / "train.json"
    done = run_step("train", model=model, dataset=dataset, epochs=0, seed=1, trained=trained, report=report)
    assert (0, "") == (done.returncode, done.stderr)
    evaluation = folder / "evaluate.json"
    evaluate(
        model=model, dataset=dataset, trained=trained, baseline=None, accuracy=folder / "accuracy", report=evaluation
    )
    return SimpleNamespace(
        model=model,
        dataset=dataset,
        trained=trained,
        training=json.loads(report.read_text()),
        evaluation=evaluation,
        measured=json.loads(evaluation.read_text()),
        stdout=done.stdout,
    )
