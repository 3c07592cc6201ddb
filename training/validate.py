"""The step validate: is this data fit to train on? Not here: reading it (prepare.py), each finding (anomalies.py)."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training import anomalies, drift, statistics
from training import baseline as baselines
from training import dataset as datasets
from training import report as reports
from training.anomalies import Anomaly
from training.config import Config
from training.drift import Drift
from training.errors import AnomalyError, ArtifactError
from training.examples import Examples
from training.model import Model, find
from training.progress import say
from training.step import InputPath, OptionalInputPath, OutputPath, OutputValue

NAMED = 5  # rows in a sentence; the report names more
KINDS = {
    "schema": "features and labels are as the config says",
    "missing": "no value is missing",
    "range": "every value is in its range",
    "balance": "every label has examples enough",
    "duplicate": "no row is there twice",
    "drift": "the data is like that of the serving version",
}


def validate(
    *, model: str, dataset: InputPath, baseline: OptionalInputPath, drift_distance: OutputValue, report: OutputPath
) -> None:
    """Looks for anomalies in the dataset; errors stop the run with the rows named, warnings do not.

    Args:
      baseline: The version now serving; its statistics.json is what drift is measured against.
      drift_distance: The largest of all watched numbers' and of the labels', in [0, 1]; 0 with nothing to compare with.
    Raises: UnknownModelError; ArtifactError; AnomalyError.
    """
    found = find(model)
    splits = datasets.read(dataset, model).splits
    version = baselines.version(baseline, model)
    anomalies_found = list(anomalies.schema(splits, found.config))
    drifts: list[Drift] = []
    if not anomalies_found:  # without its columns, nothing else can be said of a table
        anomalies_found = _content(splits, found.config)
        if version is not None and baseline is not None:
            drifts = _drifts(found, splits["train"], baseline)
            anomalies_found += drift.anomalies(drifts, found.config.validation, version)
    drift_distance.write_text(f"{max((found.distance for found in drifts), default=0.0):.6f}", encoding="utf-8")
    reports.write(report, _summary(anomalies_found, drifts, version))
    for anomaly in anomalies_found:
        say(f"{anomaly.severity}  {_sentence(anomaly)}")
    say(f"{sum(map(len, splits.values()))} examples, {len(anomalies_found)} findings")
    if errors := [anomaly for anomaly in anomalies_found if anomaly.severity == "error"]:
        raise AnomalyError(f"the data of {model} is refused: " + "; ".join(_sentence(error) for error in errors[:3]))


def _content(splits: Mapping[str, Examples], config: Config) -> list[Anomaly]:
    return [
        *anomalies.missing(splits, config),
        *anomalies.ranges(splits, config),
        *anomalies.balance(splits, config),
        *anomalies.duplicates(splits),
    ]


def _drifts(model: Model, train: Examples, baseline: Path) -> list[Drift]:
    path = baseline / statistics.FILE
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        return drift.measure(before, train, model.data.watch(train), model.config)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} cannot be read: export the serving version again. Received: {error!r}") from None


def _summary(found: list[Anomaly], drifts: list[Drift], version: str | None) -> dict[str, Any]:
    return {
        "anomalies": [asdict(anomaly) for anomaly in found],
        "checks": [_check(kind, text, found) for kind, text in KINDS.items() if kind != "drift" or version],
        "drift": [asdict(moved) for moved in drifts],
        "baseline_version": version,
    }


def _check(kind: str, text: str, found: list[Anomaly]) -> dict[str, Any]:
    of_kind = [anomaly for anomaly in found if anomaly.kind == kind]
    passed = all(anomaly.severity == "warning" for anomaly in of_kind)
    return {"name": kind, "passed": passed, "detail": "; ".join(anomaly.message for anomaly in of_kind) or text}


def _sentence(anomaly: Anomaly) -> str:
    shown = ", ".join((*anomaly.rows[:NAMED], *(["..."] if len(anomaly.rows) > NAMED else [])))
    return anomaly.message + (f" ({shown})" if shown else "")
