"""What can be wrong with a dataset, found by pure functions. Not here: drift (drift.py), the verdict (validate.py)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.config import Config, Feature
from training.examples import Array, Examples, row_digests

MOST_ROWS = 20
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Anomaly:
    """One finding in words; `rows` are the ids of the first MOST_ROWS rows that it concerns."""

    kind: Literal["schema", "range", "missing", "balance", "duplicate", "drift"]
    feature: str | None
    message: str
    rows: tuple[str, ...] = ()
    severity: Severity = "error"


def first_ids(examples: Examples, mask: Array) -> tuple[str, ...]:
    """The ids of the first MOST_ROWS rows of a mask <bool>[n]."""
    return tuple(examples.ids[mask][:MOST_ROWS].tolist())


def schema(splits: Mapping[str, Examples], config: Config) -> Iterator[Anomaly]:
    """Features by name, dtype and shape, as many rows everywhere, and labels that the config names."""
    expected = {feature.name: feature for feature in config.features}
    for split, examples in splits.items():
        for name in sorted(expected.keys() ^ examples.features.keys()):
            what = "is missing" if name in expected else "is not in the config"
            yield Anomaly("schema", name, f"the feature {name} {what} in {split}")
        for name in sorted(expected.keys() & examples.features.keys()):
            yield from _column(split, expected[name], examples.features[name], len(examples))
        wrong: Array = np.logical_or(examples.labels < 0, examples.labels >= len(config.labels))
        if wrong.any():
            labels = sorted(set(examples.labels[wrong].tolist()))
            message = f"{wrong.sum()} labels in {split} are not 0 to {len(config.labels) - 1}. Received: {labels[:5]}"
            yield Anomaly("schema", None, message, first_ids(examples, wrong))


def missing(splits: Mapping[str, Examples], config: Config) -> Iterator[Anomaly]:
    """Values that are NaN."""
    for split, examples in splits.items():
        for feature in config.features:
            mask = _rows_with(np.isnan(examples.features[feature.name]))
            if mask.any():
                message = f"{feature.name} is missing in {mask.sum()} rows of {split}"
                yield Anomaly("missing", feature.name, message, first_ids(examples, mask))


def ranges(splits: Mapping[str, Examples], config: Config) -> Iterator[Anomaly]:
    """Values outside a feature's low and high, infinite ones included."""
    for split, examples in splits.items():
        for feature in config.features:
            mask = _outside(examples.features[feature.name], feature)
            if mask.any():
                message = f"{feature.name} is outside {_range(feature)} in {mask.sum()} rows of {split}"
                yield Anomaly("range", feature.name, message, first_ids(examples, mask))


def balance(splits: Mapping[str, Examples], config: Config) -> Iterator[Anomaly]:
    """Labels with too few examples in a split, and labels that are rare in training."""
    for split, examples in splits.items():
        for index, label in enumerate(config.labels):
            count = int((examples.labels == index).sum())
            if count < config.validation.least_examples:
                least = config.validation.least_examples
                yield Anomaly("balance", None, f"{split} has {count} examples of {label}, expected at least {least}")
            elif split == "train" and count * len(config.labels) < config.validation.balance_warning * len(examples):
                share = count / len(examples)
                message = f"{label} is rare: {share:.1%} of the training examples"
                yield Anomaly("balance", None, message, severity="warning")


def duplicates(splits: Mapping[str, Examples]) -> Iterator[Anomaly]:
    """Equal rows: an error across splits or with different labels, a warning within one split."""
    groups: dict[bytes, list[tuple[str, int, str]]] = defaultdict(list)
    for split, examples in splits.items():
        for digest, label, name in zip(row_digests(examples), examples.labels, examples.ids, strict=True):
            groups[digest].append((split, int(label), str(name)))
    copies = [group for group in groups.values() if len(group) > 1]
    across = [group for group in copies if len({split for split, _, _ in group}) > 1]
    contradicting = [group for group in copies if len({label for _, label, _ in group}) > 1]
    plain = [group for group in copies if group not in across and group not in contradicting]
    yield from _copies(across, "equal rows are in more than one split", "error")
    yield from _copies(contradicting, "equal rows have different labels", "error")
    yield from _copies(plain, "rows occur more than once in a split", "warning")


def _copies(groups: list[list[tuple[str, int, str]]], what: str, severity: Severity) -> Iterator[Anomaly]:
    if groups:
        rows = [name for group in groups for _, _, name in group]
        yield Anomaly("duplicate", None, f"{len(rows)} {what}", tuple(rows[:MOST_ROWS]), severity)


def _column(split: str, feature: Feature, values: Array, count: int) -> Iterator[Anomaly]:
    expected = (np.dtype(np.float32), (count, *feature.shape))
    if (values.dtype, values.shape) != expected:
        message = (
            f"{feature.name} in {split} must be float32{list(expected[1])}. "
            f"Received: {values.dtype}{list(values.shape)}"
        )
        yield Anomaly("schema", feature.name, message)


def _outside(values: Array, feature: Feature) -> Array:
    """<bool>[n] of [n, ...]; NaN is not outside, it is missing."""
    low = -np.inf if feature.low is None else feature.low
    high = np.inf if feature.high is None else feature.high
    return _rows_with(np.logical_or.reduce([values < low, values > high, np.isinf(values)]))


def _range(feature: Feature) -> str:
    return f"{'-inf' if feature.low is None else feature.low} to {'inf' if feature.high is None else feature.high}"


def _rows_with(mask: Array) -> Array:
    """<bool>[n] of [n, ...]: the rows in which any element is set."""
    return np.asarray(mask.reshape(len(mask), -1).any(axis=1))
