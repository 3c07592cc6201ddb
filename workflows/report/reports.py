"""What the steps of a run report, as types.

The shapes follow the JSON that `training/steps.py` and the release step write. Not here: how the JSON is read
(`reading.py`), or any judgement (`verdict.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

STEPS = (
    "source",
    "baseline",
    "prepare",
    "validate",
    "train",
    "evaluate",
    "gate",
    "export",
    "check",
    "package",
    "release",
)


@dataclass(frozen=True)
class StepRun:
    """How one step ran; memory is its largest resident set in MB."""

    name: str
    started: datetime | None
    finished: datetime | None
    seconds: float | None
    max_rss_mb: float | None
    failed: bool
    error: str


@dataclass(frozen=True)
class Prepare:
    """The data set and its splits; `class_counts` by split, then by label."""

    model: str
    source: str
    examples: dict[str, int]
    data_digest: str
    labels: tuple[str, ...]
    features: tuple[str, ...]
    class_counts: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Anomaly:
    """Something wrong with the data; `rows` are the ids of the examples."""

    kind: str
    feature: str
    message: str
    rows: tuple[str, ...]
    severity: str


@dataclass(frozen=True)
class DataCheck:
    """One check of the data."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Drift:
    """How far a feature has moved from the data of the serving version."""

    feature: str
    distance: float
    threshold: float

    @property
    def drifted(self) -> bool:
        """Whether the distance is over the threshold, or no number."""
        return not self.distance <= self.threshold

    @property
    def reach(self) -> float:
        """The distance as a share of the threshold; infinite where that is no number."""
        share = self.distance / self.threshold if self.threshold > 0 else math.inf
        return math.inf if math.isnan(share) else share


@dataclass(frozen=True)
class Validate:
    """What the data's checks found."""

    anomalies: tuple[Anomaly, ...]
    checks: tuple[DataCheck, ...]
    drift: tuple[Drift, ...]
    baseline_version: str


@dataclass(frozen=True)
class Train:
    """The training; `history` holds a value per epoch (NaN where there is none) by metric."""

    epochs: int | None
    seed: int | None
    history: dict[str, tuple[float, ...]]
    parameters: int | None
    weights_digest: str
    device: str


@dataclass(frozen=True)
class Scores:
    """Metrics over some examples; `count` is None where it was not told."""

    count: int | None
    metrics: dict[str, float]


@dataclass(frozen=True)
class Baseline:
    """The version now serving, measured on the same examples."""

    version: str
    metrics: dict[str, float]
    slices: dict[str, Scores]


@dataclass(frozen=True)
class Wrong:
    """A held-out example that the model got wrong; `image` is base64 PNG, checked, or empty."""

    id: str
    label: str
    prediction: str
    score: float | None
    image: str
    features: dict[str, str]


@dataclass(frozen=True)
class Evaluate:
    """The model on the test split; `confusion` counts by true label, then by predicted label."""

    metrics: dict[str, float]
    slices: dict[str, Scores]
    baseline: Baseline | None
    confusion: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]
    wrong: tuple[Wrong, ...]
    test_examples: int | None


@dataclass(frozen=True)
class GateCheck:
    """One bar and the value held against it."""

    name: str
    metric: str
    slice: str
    value: float
    bar: float
    passed: bool
    kind: str

    @property
    def margin(self) -> float:
        """How far the value is from its bar: positive on the passing side, whichever side that is."""
        distance = abs(self.value - self.bar)
        return distance if self.passed else -distance


@dataclass(frozen=True)
class Gate:
    """The gate's verdict; `passed` is None where it was not reached."""

    passed: bool | None
    checks: tuple[GateCheck, ...]
    baseline_version: str


@dataclass(frozen=True)
class Export:
    """The exported version directory; `size` in bytes."""

    version: str
    digest: str
    weights_digest: str
    size: int | None
    files: int | None
    signatures: tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """The export in a real server: the largest difference from in-process answers and latencies in ms, by transport."""

    differences: dict[str, float]
    examples: int | None
    latency_ms: dict[str, dict[str, float]]
    server_rss_mb: float | None
    ready_seconds: float | None


@dataclass(frozen=True)
class Release:
    """The commit that names the version in an environment; without one, `message` says why."""

    environment: str
    commit: str
    version: str
    message: str


@dataclass(frozen=True)
class Reports:
    """Every step's report. A step without one has defaults here and is not in `runs`; `unreadable` says why.

    `serving` is the version that served when the run began, or empty.
    """

    prepare: Prepare
    validate: Validate
    train: Train
    evaluate: Evaluate
    gate: Gate
    export: Export
    check: Check
    release: Release
    serving: str
    runs: dict[str, StepRun]
    unreadable: dict[str, str]
