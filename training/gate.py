"""The step gate: may this version be released? Absolute bars, and no worse than the version now serving."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from training import report as reports
from training.config import Bar, Config
from training.errors import ArtifactError, GateError
from training.model import find
from training.progress import say
from training.step import InputPath, OutputPath

ROUNDING = 1e-9  # 0.97 - 0.01 is a little more than 0.96 in binary
Check = dict[str, Any]


def gate(*, model: str, evaluation: InputPath, report: OutputPath) -> None:
    """Holds the evaluation against the bars of the model's config.

    Args:
      evaluation: The report of evaluate.
    Raises: UnknownModelError; ArtifactError; GateError, which names each failed check with its numbers.
    """
    config = find(model).config
    measured = reports.read(evaluation, "evaluate")
    checks = list(judge(config, measured))
    failed = [check for check in checks if not check["passed"]]
    serving = measured["baseline"]
    version = serving["version"] if serving else None
    reports.write(report, {"passed": not failed, "checks": checks, "baseline_version": version})
    for check in checks:
        say(f"{'passed' if check['passed'] else 'FAILED'}  {sentence(check)}")
    if failed:
        raise GateError(f"{model} may not be released: " + "; ".join(sentence(check) for check in failed))


def judge(config: Config, measured: Mapping[str, Any]) -> Iterator[Check]:
    """All checks of an evaluation, passed or not: pure, so that the same report gives the same verdict.

    Slices with fewer than config.least_slice test examples are not looked at: one example would decide.
    """
    if not isinstance(measured.get("metrics"), dict) or "slices" not in measured or "baseline" not in measured:
        raise ArtifactError("the evaluation is incomplete (metrics, slices, baseline): run evaluate again")
    baseline = measured["baseline"] or {"metrics": {}, "slices": {}}
    slices = {name: part for name, part in measured["slices"].items() if part["count"] >= config.least_slice}
    for bar in config.bars:
        yield from _checks(bar, None, measured["metrics"], baseline["metrics"])
        for name, part in slices.items():
            yield from _checks(bar, name, part["metrics"], baseline["slices"].get(name, {}).get("metrics", {}))


def sentence(check: Check) -> str:
    """One check in words, e.g. `accuracy 0.9612 on ink=light is below the bar 0.9700`."""
    where = f" on {check['slice']}" if check["slice"] else ""
    bar = "the bar" if check["kind"] == "absolute" else "what the serving version allows,"
    relation = "within" if check["passed"] else "worse than"
    return f"{check['metric']} {_number(check['value'])}{where} is {relation} {bar} {check['bar']:.4f}"


def _checks(bar: Bar, part: str | None, values: Mapping[str, float], before: Mapping[str, float]) -> Iterator[Check]:
    """The absolute check and the regression check of one metric on the whole (part None) or on one slice."""
    value = values.get(bar.metric)
    limit, tolerance = (bar.bar, bar.tolerance) if part is None else (bar.slice_bar, bar.slice_tolerance)
    if limit is not None:
        yield _check(bar, part, value, limit, "absolute")
    if tolerance is not None and bar.metric in before:
        allowed = before[bar.metric] + (-tolerance if bar.higher_is_better else tolerance)
        yield _check(bar, part, value, allowed, "regression")


def _check(bar: Bar, part: str | None, value: float | None, limit: float, kind: str) -> Check:
    """A metric that is missing or no number never passes."""
    name = f"{bar.metric}{f' on {part}' if part else ''}, {kind}"
    sign = 1 if bar.higher_is_better else -1
    passed = value is not None and math.isfinite(value) and sign * (value - limit) >= -ROUNDING
    return {
        "name": name,
        "metric": bar.metric,
        "slice": part,
        "value": value,
        "bar": limit,
        "passed": passed,
        "kind": kind,
    }


def _number(value: float | None) -> str:
    return "(missing)" if value is None else f"{value:.4f}"
