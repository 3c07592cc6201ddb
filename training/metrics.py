"""Metrics of scores against labels, overall and per slice: pure functions. Not here: which slices there are."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from training.examples import Array

LEAST_SCORE = 1e-7  # keeps the loss of a wrong and certain answer finite


def metrics(scores: Array, labels: Array) -> dict[str, float]:
    """accuracy, and loss (mean cross-entropy, in nats), of n > 0 examples.

    Args:
      scores: <float32>[n, classes], rows sum to 1.
      labels: <int64>[n].
    """
    chosen = np.clip(scores[np.arange(len(labels)), labels].astype(np.float64), LEAST_SCORE, 1.0)
    return {
        "accuracy": float((scores.argmax(axis=1) == labels).mean()),
        "loss": float(-np.log(chosen).mean()),
    }


def sliced(scores: Array, labels: Array, slices: Mapping[str, Array]) -> dict[str, dict[str, Any]]:
    """{slice: {count, metrics}} for each slice that has a row; a slice is a mask <bool>[n]."""
    return {
        name: {"count": int(mask.sum()), "metrics": metrics(scores[mask], labels[mask])}
        for name, mask in slices.items()
        if mask.any()
    }


def confusion(scores: Array, labels: Array) -> list[list[int]]:
    """Counts, rows by true label and columns by answer."""
    classes = scores.shape[1]
    places = labels * classes + scores.argmax(axis=1)
    counts: list[list[int]] = np.bincount(places, minlength=classes**2).reshape(classes, classes).tolist()
    return counts
