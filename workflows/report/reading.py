"""Reads the steps' JSON into `reports.py`'s types: what is missing or of a wrong type becomes an empty default.

Not here: what the types mean.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workflows.report import values
from workflows.report.reports import (
    STEPS,
    Anomaly,
    Baseline,
    Check,
    DataCheck,
    Drift,
    Evaluate,
    Export,
    Gate,
    GateCheck,
    Prepare,
    Release,
    Reports,
    Scores,
    StepRun,
    Train,
    Validate,
    Wrong,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read(paths: Mapping[str, Path]) -> Reports:
    """Reads the reports by step; one that is missing or broken is as if empty."""
    unreadable: dict[str, str] = {}
    documents = {
        name: found for name, path in paths.items() if (found := _document(name, path, unreadable)) is not None
    }
    told = {name: documents.get(name, {}) for name in STEPS}
    return Reports(
        prepare=_prepare(told["prepare"]),
        validate=_validate(told["validate"]),
        train=_train(told["train"]),
        evaluate=_evaluate(told["evaluate"]),
        gate=_gate(told["gate"]),
        export=_export(told["export"]),
        check=_check(told["check"]),
        release=_release(told["release"]),
        serving=values.one_line(documents.get("baseline", {}).get("version")),
        runs={
            name: _run(name, values.mapping(found.get("step"))) for name, found in documents.items() if "step" in found
        },
        unreadable=unreadable,
    )


def _document(name: str, path: Path, unreadable: dict[str, str]) -> Mapping[str, Any] | None:
    try:
        return values.document(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        unreadable[name] = values.one_line(str(error), 200)
        return None


def _run(name: str, told: Mapping[str, Any]) -> StepRun:
    return StepRun(
        name=values.one_line(name),
        started=values.moment(told.get("started")),
        finished=values.moment(told.get("finished")),
        seconds=values.number(told.get("seconds")),
        max_rss_mb=values.number(told.get("max_rss_mb")),
        failed=told.get("outcome") == "failed",
        error=values.text(told.get("error")),
    )


def _prepare(told: Mapping[str, Any]) -> Prepare:
    counts = values.mapping(told.get("class_counts"))
    return Prepare(
        model=values.one_line(told.get("model")),
        source=values.one_line(told.get("source")),
        examples=values.wholes(told.get("examples")),
        data_digest=values.one_line(told.get("data_digest")),
        labels=values.texts(told.get("labels")),
        features=values.texts(told.get("features")),
        class_counts={values.one_line(split): values.wholes(found) for split, found in counts.items()},
    )


def _validate(told: Mapping[str, Any]) -> Validate:
    return Validate(
        anomalies=tuple(_anomaly(found) for found in values.objects(told.get("anomalies"))),
        checks=tuple(
            DataCheck(
                values.one_line(found.get("name")), found.get("passed") is True, values.one_line(found.get("detail"))
            )
            for found in values.objects(told.get("checks"))
        ),
        drift=tuple(
            sorted((_drift(found) for found in values.objects(told.get("drift"))), key=lambda d: d.reach, reverse=True)
        ),
        baseline_version=values.one_line(told.get("baseline_version")),
    )


def _drift(told: Mapping[str, Any]) -> Drift:
    return Drift(values.one_line(told.get("feature")), _float(told.get("distance")), _float(told.get("threshold")))


def _anomaly(told: Mapping[str, Any]) -> Anomaly:
    return Anomaly(
        kind=values.one_line(told.get("kind")),
        feature=values.one_line(told.get("feature")),
        message=values.one_line(told.get("message")),
        rows=values.texts(told.get("rows")),
        severity="warning" if told.get("severity") == "warning" else "error",
    )


def _train(told: Mapping[str, Any]) -> Train:
    history = values.mapping(told.get("history"))
    return Train(
        epochs=values.whole(told.get("epochs")),
        seed=values.whole(told.get("seed")),
        history={values.one_line(k): tuple(_float(v) for v in values.items(found)) for k, found in history.items()},
        parameters=values.whole(told.get("parameters")),
        weights_digest=values.one_line(told.get("weights_digest")),
        device=values.one_line(told.get("device")),
    )


def _evaluate(told: Mapping[str, Any]) -> Evaluate:
    return Evaluate(
        metrics=values.numbers(told.get("metrics")),
        slices=_slices(told.get("slices")),
        baseline=_baseline(values.mapping(told.get("baseline"))),
        confusion=_square(told.get("confusion")),
        labels=values.texts(told.get("labels")),
        wrong=tuple(_wrong(found) for found in values.objects(told.get("wrong"))[:24]),
        test_examples=values.whole(told.get("test_examples")),
    )


def _slices(told: Any) -> dict[str, Scores]:
    found = {values.one_line(name): values.mapping(scores) for name, scores in values.mapping(told).items()}
    return {
        name: Scores(values.whole(scores.get("count")), values.numbers(scores.get("metrics")))
        for name, scores in found.items()
    }


def _baseline(told: Mapping[str, Any]) -> Baseline | None:
    if not told:
        return None
    return Baseline(
        values.one_line(told.get("version")), values.numbers(told.get("metrics")), _slices(told.get("slices"))
    )


def _square(told: Any) -> tuple[tuple[int, ...], ...]:
    rows = tuple(tuple(values.whole(cell) or 0 for cell in values.items(row)) for row in values.items(told))
    return rows if all(len(row) == len(rows) for row in rows) else ()


def _wrong(told: Mapping[str, Any]) -> Wrong:
    features = values.mapping(told.get("features"))
    return Wrong(
        id=values.one_line(told.get("id")),
        label=values.one_line(told.get("label")),
        prediction=values.one_line(told.get("prediction")),
        score=values.number(told.get("score")),
        image=values.png(told.get("image")),
        features={values.one_line(k): _plain(v) for k, v in features.items()},
    )


def _plain(value: Any) -> str:
    found = values.number(value)
    return values.one_line(value, 40) if found is None else f"{found:.6g}"


def _gate(told: Mapping[str, Any]) -> Gate:
    return Gate(
        passed=told.get("passed") if isinstance(told.get("passed"), bool) else None,
        checks=tuple(_gate_check(found) for found in values.objects(told.get("checks"))),
        baseline_version=values.one_line(told.get("baseline_version")),
    )


def _gate_check(told: Mapping[str, Any]) -> GateCheck:
    return GateCheck(
        name=values.one_line(told.get("name")),
        metric=values.one_line(told.get("metric")),
        slice=values.one_line(told.get("slice")),
        value=_float(told.get("value")),
        bar=_float(told.get("bar")),
        passed=told.get("passed") is True,
        kind=values.one_line(told.get("kind")),
    )


def _export(told: Mapping[str, Any]) -> Export:
    return Export(
        version=values.one_line(told.get("version")),
        digest=values.one_line(told.get("digest")),
        weights_digest=values.one_line(told.get("weights_digest")),
        size=values.whole(told.get("bytes")),
        files=values.whole(told.get("files")),
        signatures=values.texts(told.get("signatures")),
    )


def _check(told: Mapping[str, Any]) -> Check:
    latency = values.mapping(told.get("latency_ms"))
    return Check(
        differences=values.numbers(told.get("max_abs_difference")),
        examples=values.whole(told.get("examples")),
        latency_ms={values.one_line(transport): values.numbers(found) for transport, found in latency.items()},
        server_rss_mb=values.number(told.get("server_rss_mb")),
        ready_seconds=values.number(told.get("ready_seconds")),
    )


def _release(told: Mapping[str, Any]) -> Release:
    return Release(
        environment=values.one_line(told.get("environment")) or "dev",
        commit=values.one_line(told.get("commit")),
        version=values.one_line(told.get("version")),
        message=values.one_line(told.get("message")),
    )


def _float(value: Any) -> float:
    found = values.number(value)
    return math.nan if found is None else found
