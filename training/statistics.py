"""Statistics of the training data, kept with the version, and the distance of other data to them. Pure functions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from training.examples import Array

FILE = "assets.extra/statistics.json"
BINS = 10
Summary = dict[str, Any]


def summarise(watched: Mapping[str, Array], labels: Array, names: tuple[str, ...]) -> dict[str, Any]:
    """The content of statistics.json.

    Args:
      watched: Numbers by name, <float>[n]; those that are not finite are left out.
      labels: <int64>[n], index into names.
    Returns: count, features ({name: summary}) and labels ({name: share}).
    """
    return {
        "count": len(labels),
        "features": {name: _summary(values) for name, values in sorted(watched.items())},
        "labels": label_shares(labels, names),
    }


def label_shares(labels: Array, names: tuple[str, ...]) -> dict[str, float]:
    """The share of each label, 0 to 1."""
    return {name: float((labels == index).mean()) for index, name in enumerate(names)}


def shares(values: Array, edges: list[float]) -> list[float]:
    """The share of the finite values in each of len(edges) + 1 bins; a bin holds its lower edge."""
    counts = np.bincount(bins(values[np.isfinite(values)], edges), minlength=len(edges) + 1)
    parts: list[float] = (counts / max(counts.sum(), 1)).tolist()
    return parts


def bins(values: Array, edges: list[float]) -> Array:
    """The bin of each value, <int64>[n], 0 to len(edges)."""
    return np.searchsorted(np.asarray(edges), values, side="right")


def distance(one: Array | list[float], other: Array | list[float]) -> float:
    """Jensen-Shannon distance of two distributions over the same bins: 0 the same, 1 nothing in common."""
    p, q = np.asarray(one, np.float64), np.asarray(other, np.float64)
    middle = (p + q) / 2
    return float(np.sqrt(max((_divergence(p, middle) + _divergence(q, middle)) / 2, 0.0)))


def _divergence(p: Array, q: Array) -> float:
    """Kullback-Leibler divergence in bits; q is nowhere 0 where p is not."""
    some = p > 0
    return float((p[some] * np.log2(p[some] / q[some])).sum())


def _summary(values: Array) -> Summary:
    """Range, mean, deviation, and the shares between the values' own deciles."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if len(finite) == 0:
        return {"min": None, "max": None, "mean": None, "std": None, "edges": [], "shares": [0.0]}
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, BINS + 1)[1:-1])).tolist()
    return {
        "min": float(finite.min()),
        "max": float(finite.max()),
        "mean": float(finite.mean()),
        "std": float(finite.std()),
        "edges": edges,
        "shares": shares(finite, edges),
    }
