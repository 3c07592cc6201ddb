"""The rows of the page's tables, computed from the steps' reports; pure.

Not here: how they are drawn or written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflows.report.reports import Evaluate, GateCheck, Scores, Train

LOWER_IS_BETTER = ("loss", "error", "brier", "mae", "mse", "rmse")
Z_95 = 1.96
RARE = 0.05  # mistakes rarer than this stay pale


@dataclass(frozen=True)
class SliceRow:
    """A metric on a slice beside the serving version; `change` is positive where this run is better."""

    name: str
    count: int | None
    value: float
    baseline: float | None
    change: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class MetricRow:
    """A metric on all test examples beside the serving version; `change` is positive where this run is better."""

    name: str
    value: float
    baseline: float | None
    change: float | None


@dataclass(frozen=True)
class CurveRow:
    """How a metric went over the epochs (counted from 1)."""

    name: str
    first: float
    best: float
    best_epoch: int
    last: float


@dataclass(frozen=True)
class Cell:
    """A count of the confusion matrix; `share` is its shade in [0, 1], among right or among wrong answers."""

    count: int
    right: bool
    share: float


@dataclass(frozen=True)
class Confusion:
    """A pair of labels that the model mixes up; `share` is of the true label's examples."""

    label: str
    prediction: str
    count: int
    share: float


def lower_is_better(metric: str) -> bool:
    """Whether a metric, by its name, counts mistakes."""
    return any(word in LOWER_IS_BETTER for word in metric.lower().replace("-", "_").split("_"))


def metric_rows(found: Evaluate) -> list[MetricRow]:
    """Returns every metric on the test split, beside the serving version's."""
    theirs = found.baseline.metrics if found.baseline else {}
    return [
        MetricRow(name, value, theirs.get(name), _change(name, value, theirs.get(name)))
        for name, value in found.metrics.items()
    ]


def slice_metric(found: Evaluate) -> str:
    """Returns the metric to show by slice: accuracy, or the first that any slice has."""
    names = [name for scores in found.slices.values() for name in scores.metrics]
    return "accuracy" if "accuracy" in names or not names else names[0]


def slice_rows(found: Evaluate, metric: str) -> list[SliceRow]:
    """Returns a metric by slice, beside the serving version's."""
    theirs = found.baseline.slices if found.baseline else {}
    return [
        _slice_row(name, scores, theirs.get(name), metric)
        for name, scores in found.slices.items()
        if metric in scores.metrics
    ]


def _slice_row(name: str, scores: Scores, baseline: Scores | None, metric: str) -> SliceRow:
    value = scores.metrics[metric]
    other = baseline.metrics.get(metric) if baseline else None
    return SliceRow(
        name=name,
        count=scores.count,
        value=value,
        baseline=other,
        change=_change(metric, value, other),
        interval=wilson(value, scores.count) if metric == "accuracy" and scores.count else None,
    )


def _change(metric: str, value: float, baseline: float | None) -> float | None:
    if baseline is None:
        return None
    return baseline - value if lower_is_better(metric) else value - baseline


def wilson(share: float, count: int) -> tuple[float, float] | None:
    """Returns the 95 % interval of a share seen on `count` examples, or None for what is no share.

    Source: E. B. Wilson, "Probable inference", Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if not 0 <= share <= 1 or count <= 0:
        return None
    square = Z_95 * Z_95 / count
    middle = (share + square / 2) / (1 + square)
    half = Z_95 / (1 + square) * math.sqrt(share * (1 - share) / count + square / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def reach(changes: Sequence[float | None]) -> float:
    """Returns the largest finite size of some differences, so that bars share one scale; 1 when there is none."""
    return max((abs(c) for c in changes if c is not None and math.isfinite(c)), default=0.0) or 1.0


def margins(checks: Sequence[GateCheck]) -> dict[str, float]:
    """Returns the largest margin of each metric among the gate's checks: bars compare within a metric only."""
    names = {check.metric for check in checks}
    return {name: reach([check.margin for check in checks if check.metric == name]) for name in names}


def curve_names(history: Mapping[str, Sequence[float]]) -> list[str]:
    """Returns the metrics of a training's history: loss and accuracy first, at most four, none twice for `val_`."""
    names = dict.fromkeys(name.removeprefix("val_") for name, line in history.items() if line)
    return sorted(names, key=lambda name: ["loss", "accuracy"].index(name) if name in {"loss", "accuracy"} else 2)[:4]


def curve_rows(found: Train) -> list[CurveRow]:
    """Returns first, best and last value of each line of the history; a line without a number is left out."""
    lines = [(name, line) for base in curve_names(found.history) for name, line in _pair(found.history, base)]
    return [_curve_row(name, line) for name, line in lines if any(math.isfinite(value) for value in line)]


def _pair(history: Mapping[str, Sequence[float]], base: str) -> list[tuple[str, Sequence[float]]]:
    return [(name, history[name]) for name in (base, f"val_{base}") if name in history]


def _curve_row(name: str, line: Sequence[float]) -> CurveRow:
    known = {epoch: value for epoch, value in enumerate(line, 1) if math.isfinite(value)}
    pick = min if lower_is_better(name) else max
    epoch = pick(known, key=lambda found: known[found])
    shown = name.replace("val_", "validation ") if name.startswith("val_") else f"train {name}"
    return CurveRow(shown, line[0], known[epoch], epoch, line[-1])


def cells(confusion: Sequence[Sequence[int]]) -> list[list[Cell]]:
    """Returns the confusion matrix with shades: right answers by recall, wrong ones beside the worst wrong one."""
    shares = [[count / (sum(row) or 1) for count in row] for row in confusion]
    worst = max([RARE, *(share for i, row in enumerate(shares) for j, share in enumerate(row) if i != j)])
    return [
        [Cell(count, i == j, shares[i][j] if i == j else shares[i][j] / worst) for j, count in enumerate(row)]
        for i, row in enumerate(confusion)
    ]


def mistakes(found: Evaluate) -> int:
    """Returns how many test examples were given a wrong label."""
    return sum(count for i, row in enumerate(found.confusion) for j, count in enumerate(row) if i != j)


def mixed_up(found: Evaluate, most: int = 8) -> list[Confusion]:
    """Returns the pairs of labels that are mixed up most often."""
    pairs = [
        Confusion(_label(found, i), _label(found, j), count, count / (sum(row) or 1))
        for i, row in enumerate(found.confusion)
        for j, count in enumerate(row)
        if i != j and count > 0
    ]
    return sorted(pairs, key=lambda pair: -pair.count)[:most]


def _label(found: Evaluate, index: int) -> str:
    return found.labels[index] if index < len(found.labels) else str(index)
