"""A model is a folder: adding one is adding its three files, and every step works on it."""

import json
import subprocess
import sys

import pytest

import training.models
from training.errors import UnknownModelError
from training.model import find, known

FILES = {
    "__init__.py": '"""Which side of a line a point is on."""\n',
    "config.py": """
from training.config import Bar, Config, Feature

CONFIG = Config(
    labels=("left", "right"),
    features=(Feature("x", low=-1, high=1), Feature("y", low=-1, high=1)),
    bars=(Bar("accuracy", bar=0.5),),
    epochs=2,
    batch_size=32,
    learning_rate=0.05,
)
""",
    "data.py": """
import numpy as np
from training.examples import Examples

def load(source):
    points = np.random.default_rng(0).uniform(-1, 1, (300, 2)).astype(np.float32)
    labels = (points[:, 0] > points[:, 1]).astype(np.int64)
    return Examples({"x": points[:, 0], "y": points[:, 1]}, labels, np.array([f"point:{i}" for i in range(300)]))

def watch(examples):
    return dict(examples.features)

def slices(examples):
    return {"up": examples.features["y"] > 0}
""",
    "network.py": """
import keras

def build(config, train):
    inputs = {f.name: keras.Input((), name=f.name) for f in config.features}
    columns = [keras.layers.Reshape((1,), name=f"column_{name}")(column) for name, column in inputs.items()]
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(keras.layers.Concatenate(name="c")(columns)))
""",
}

DRIVER = """
import sys
from pathlib import Path
import training.models
training.models.__path__.append(sys.argv[1])
from training.steps import STEPS
at = Path(sys.argv[2])
dataset, trained, evaluation = at / "dataset", at / "trained", at / "evaluate.json"
STEPS["prepare"](model="line", data="builtin", dataset=dataset, report=at / "prepare.json")
STEPS["validate"](
    model="line", dataset=dataset, baseline=None, drift_distance=at / "drift", report=at / "validate.json"
)
STEPS["train"](model="line", dataset=dataset, epochs=0, seed=0, trained=trained, report=at / "train.json")
STEPS["evaluate"](
    model="line", dataset=dataset, trained=trained, baseline=None, accuracy=at / "accuracy", report=evaluation
)
STEPS["gate"](model="line", evaluation=evaluation, report=at / "gate.json")
STEPS["export"](
    model="line", dataset=dataset, trained=trained, evaluation=evaluation, version="1", source_commit="c",
    workflow="w", uid="u", exported=at / "exported", report=at / "export.json",
)
"""


@pytest.fixture
def third(tmp_path, monkeypatch):
    """A folder `line` where models are looked for."""
    folder = tmp_path / "models" / "line"
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_text(content)
    monkeypatch.setattr(training.models, "__path__", [*training.models.__path__, str(folder.parent)])
    return folder


def test_the_known_models_are_the_folders():
    """Sorted by name."""
    assert ["cancer", "digits"] == known()


def test_an_unknown_model_is_refused_with_the_known_ones(third):
    """A new folder is known without any registry."""
    with pytest.raises(UnknownModelError, match="no model 'lime', expected one of: cancer, digits, line"):
        find("lime")
    assert ("left", "right") == find("line").config.labels


@pytest.mark.parametrize("name", ["", ".", "..", "digits.config", "Digits", "digits/"])
def test_a_name_that_is_no_folder_is_refused(name):
    """Nothing else is imported."""
    with pytest.raises(UnknownModelError):
        find(name)


def test_every_step_up_to_export_works_on_a_new_folder(third, tmp_path):
    """From three files to a version."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(third.parent), str(tmp_path)], text=True, capture_output=True, check=False
    )

    assert 0 == done.returncode, done.stderr
    assert {"label=left", "label=right", "up"} == set(json.loads((tmp_path / "evaluate.json").read_text())["slices"])
    assert (tmp_path / "exported" / "saved_model.pb").is_file()
