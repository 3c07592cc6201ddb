"""How far the training data moved from that of the version now serving. Pure functions on statistics.json."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.anomalies import MOST_ROWS, Anomaly
from training.config import Validation
from training.examples import Array, Examples
from training.statistics import bins, distance, label_shares, shares


@dataclass(frozen=True)
class Drift:
    """The Jensen-Shannon distance of one watched number; `rows` lie where there are too many now."""

    feature: str
    distance: float
    threshold: float
    rows: tuple[str, ...] = ()


def measure(
    before: Mapping[str, Any],
    examples: Examples,
    watched: Mapping[str, Array],
    labels: tuple[str, ...],
    limits: Validation,
) -> list[Drift]:
    """One for each number that both know, and one for the labels, the largest first.

    Args:
      before: statistics.json of the version now serving.
      watched: The model's watched numbers of `examples`, <float>[n] each.
    """
    threshold = limits.drift_error
    known = [
        (name, before["features"][name]["edges"], before["features"][name]["shares"]) for name in before["features"]
    ]
    found = [
        Drift(name, distance(old, shares(watched[name], edges)), threshold, _crowd(examples, watched[name], edges, old))
        for name, edges, old in known
        if name in watched
    ]
    names = sorted({*before["labels"], *labels})
    now = label_shares(examples.labels, labels)
    old_labels = [before["labels"].get(name, 0.0) for name in names]
    found.append(Drift("label", distance(old_labels, [now.get(name, 0.0) for name in names]), threshold))
    return sorted(found, key=lambda drift: -drift.distance)


def anomalies(drifts: list[Drift], limits: Validation, version: str) -> Iterator[Anomaly]:
    """A warning above drift_warning, an error above drift_error."""
    for drift in drifts:
        if drift.distance > limits.drift_warning:
            message = f"{drift.feature} moved {drift.distance:.3f} away from the data of version {version}"
            severity = "error" if drift.distance > limits.drift_error else "warning"
            yield Anomaly("drift", drift.feature, message, drift.rows, "error" if severity == "error" else "warning")


def _crowd(examples: Examples, values: Array, edges: list[float], before: list[float]) -> tuple[str, ...]:
    """Ids from the bin whose share grew the most."""
    grown = int(np.argmax(np.asarray(shares(values, edges)) - np.asarray(before)))
    chosen = np.isfinite(values) & (bins(values, edges) == grown)
    return tuple(examples.ids[chosen][:MOST_ROWS].tolist())
