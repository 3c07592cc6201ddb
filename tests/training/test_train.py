"""Training is reproducible bit for bit, also across an interruption, and reaches its bar on data it never saw."""

import json
import subprocess

import pytest

from training.errors import TrainingError
from training.train import train

EPOCHS = 6


@pytest.fixture(scope="module")
def cancer_trainings(cancer_data, step_command, tmp_path_factory):
    """The reports of two short trainings of one seed: a whole one, and one killed after two epochs and run again."""
    folder = tmp_path_factory.mktemp("trainings")

    def start(name):
        flags = {"model": "cancer", "dataset": cancer_data, "epochs": EPOCHS, "seed": 7, "trained": folder / name}
        command = step_command("train", **flags, report=folder / f"{name}.json")
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(process):
        stdout, stderr = process.communicate()
        assert (0, "") == (process.returncode, stderr)
        return stdout

    whole, killed = start("whole"), start("killed")
    for line in killed.stdout:
        if line.startswith("progress 2/"):
            killed.kill()
    killed.communicate()
    finish(whole)
    assert finish(start("killed")).startswith("going on after epoch ")
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in ("whole", "killed")}, folder


def test_two_runs_of_one_seed_give_the_same_bits_even_if_one_was_killed(cancer_trainings):
    """Separate processes, one digest, one history with every epoch once."""
    reports, _ = cancer_trainings

    assert reports["whole"]["weights_digest"] == reports["killed"]["weights_digest"]
    assert reports["whole"]["history"] == reports["killed"]["history"]
    assert [EPOCHS] * 4 == [len(values) for values in reports["killed"]["history"].values()]


def test_training_leaves_a_checkpoint_per_epoch_and_tensorboard_logs(cancer_trainings):
    """Beside the model."""
    _, folder = cancer_trainings

    assert EPOCHS == len(list((folder / "whole" / "checkpoints").glob("epoch-*.npz")))
    assert {"train", "validation"} == {path.parent.name for path in (folder / "whole" / "logs").rglob("events.*")}
    assert (folder / "whole" / "model.keras").is_file()


def test_progress_is_one_line_per_epoch(digits_run):
    """`progress <done>/<total> <text>`, which the engine turns into a bar."""
    total = digits_run.training["epochs"]
    lines = [line.split()[:2] for line in digits_run.stdout.splitlines() if line.startswith("progress ")]

    assert [["progress", f"{epoch}/{total}"] for epoch in range(1, total + 1)] == lines


def test_digits_reach_their_bar_on_the_test_split(digits_run):
    """0.97 of at least 700 images that training never saw."""
    assert digits_run.measured["metrics"]["accuracy"] >= 0.97
    assert digits_run.measured["test_examples"] >= 700


def test_cancer_reaches_its_bar_on_the_test_split(cancer_run):
    """The bar is the config's own."""
    assert cancer_run.measured["metrics"]["accuracy"] >= 0.93


def test_another_seed_gives_other_weights(cancer_run, cancer_trainings):
    """The seed is used."""
    reports, _ = cancer_trainings

    assert cancer_run.training["weights_digest"] != reports["whole"]["weights_digest"]
    assert "CPU" in cancer_run.training["device"] or "GPU" in cancer_run.training["device"]


@pytest.mark.parametrize(
    ("epochs", "seed", "message"), [(-1, 0, "epochs must be 0"), (1, -1, "seed must be"), (1, 2**32, "seed must be")]
)
def test_numbers_out_of_range_are_refused(cancer_data, tmp_path, epochs, seed, message):
    """One sentence."""
    with pytest.raises(TrainingError, match=message):
        train(
            model="cancer",
            dataset=cancer_data,
            epochs=epochs,
            seed=seed,
            trained=tmp_path / "trained",
            report=tmp_path / "report.json",
        )
