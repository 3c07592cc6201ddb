"""How far the training data moved from that of the version now serving. Pure functions on statistics.json."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.anomalies import MOST_ROWS, Anomaly, Severity
from training.config import Config, Validation
from training.examples import Array, Examples
from training.statistics import bins, distance, label_shares, shares


@dataclass(frozen=True)
class Drift:
    """The Jensen-Shannon distance of one watched number; if it is an anomaly, `rows` lie where there are too many."""

    feature: str
    distance: float
    threshold: float
    rows: tuple[str, ...] = ()


def measure(before: Mapping[str, Any], examples: Examples, watched: Mapping[str, Array], config: Config) -> list[Drift]:
    """One for each number that both know, and one for the labels, the largest first.

    Args:
      before: statistics.json of the version now serving.
      watched: The model's watched numbers of `examples`, <float>[n] each.
    """
    found = [
        _drift(name, summary, examples, watched[name], config.validation)
        for name, summary in before["features"].items()
        if name in watched
    ]
    found.append(_labels_drift(before["labels"], label_shares(examples.labels, config.labels), config.validation))
    return sorted(found, key=lambda drift: -drift.distance)


def anomalies(drifts: list[Drift], limits: Validation, version: str) -> Iterator[Anomaly]:
    """A warning above drift_warning, an error above drift_error."""
    for drift in drifts:
        if drift.distance > limits.drift_warning:
            message = f"{drift.feature} moved {drift.distance:.3f} away from the data of version {version}"
            severity: Severity = "error" if drift.distance > limits.drift_error else "warning"
            yield Anomaly("drift", drift.feature, message, drift.rows, severity)


def _drift(name: str, before: Mapping[str, Any], examples: Examples, values: Array, limits: Validation) -> Drift:
    edges, old = before["edges"], before["shares"]
    moved = distance(old, shares(values, edges))
    rows = _crowd(examples, values, edges, old) if moved > limits.drift_warning else ()
    return Drift(name, moved, limits.drift_error, rows)


def _labels_drift(before: Mapping[str, float], now: Mapping[str, float], limits: Validation) -> Drift:
    names = sorted({*before, *now})
    moved = distance([before.get(name, 0.0) for name in names], [now.get(name, 0.0) for name in names])
    return Drift("label", moved, limits.drift_error)


def _crowd(examples: Examples, values: Array, edges: list[float], before: list[float]) -> tuple[str, ...]:
    """Ids from the bin whose share grew the most."""
    grown = int(np.argmax(np.asarray(shares(values, edges)) - np.asarray(before)))
    chosen = np.isfinite(values)
    chosen[chosen] = bins(values[chosen], edges) == grown
    return tuple(examples.ids[chosen][:MOST_ROWS].tolist())
