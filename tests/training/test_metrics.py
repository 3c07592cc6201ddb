"""Metrics are what their names say."""

import numpy as np
import pytest

from training.metrics import confusion, metrics, sliced

SCORES = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [1.0, 0.0]], np.float32)
LABELS = np.array([0, 1, 1, 1])


def test_accuracy_and_loss_of_four_answers():
    """A wrong and certain answer costs a finite loss."""
    measured = metrics(SCORES, LABELS)

    assert 0.5 == measured["accuracy"]
    assert pytest.approx(-np.log([0.9, 0.8, 0.4, 1e-7]).mean(), rel=1e-5) == measured["loss"]


def test_a_slice_without_rows_is_left_out():
    """Nothing can be said of it."""
    masks = {"first": np.array([True, False, False, False]), "none": np.zeros(4, bool)}

    assert {"first": (1, 1.0)} == {
        name: (part["count"], part["metrics"]["accuracy"]) for name, part in sliced(SCORES, LABELS, masks).items()
    }


def test_confusion_has_true_labels_in_rows():
    """One wrong each way would be [[1, 0], [2, 1]]."""
    assert [[1, 0], [2, 1]] == confusion(SCORES, LABELS)
