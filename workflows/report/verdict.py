"""What came of a run, in one word and one sentence; pure.

Not here: how the verdict is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from workflows.report.facts import Failure, RunFacts, failures
from workflows.report.formats import metric
from workflows.report.reports import STEPS, GateCheck, Reports
from workflows.report.values import one_line

RELEASED, PASSED, REFUSED, FAILED = "released", "passed", "refused", "failed"
SUCCEEDED = "Succeeded"
JUDGES = ("validate", "gate", "check")


@dataclass(frozen=True)
class Verdict:
    """The run's outcome: `version` is empty when none was released, `candidate` when none was exported."""

    outcome: str
    model: str
    version: str
    candidate: str
    serving: str
    sentence: str
    failures: tuple[Failure, ...]


def judge(facts: RunFacts, reports: Reports) -> Verdict:
    """Says what came of a run from what its engine and its steps left."""
    found = broken(facts, reports)
    outcome = _outcome(facts, reports, found)
    candidate = reports.export.version or reports.release.version
    return Verdict(
        outcome=outcome,
        model=reports.prepare.model or one_line(facts.parameters.get("model")) or "unknown model",
        version=(reports.release.version or candidate) if outcome == RELEASED else "",
        candidate=candidate,
        serving=serving(reports),
        sentence=_sentence(outcome, reports, found),
        failures=found,
    )


def serving(reports: Reports) -> str:
    """Returns the version that the run was compared with, or an empty text for a first release."""
    baseline = reports.evaluate.baseline
    told = baseline.version if baseline else ""
    return told or reports.gate.baseline_version or reports.validate.baseline_version or reports.serving


def broken(facts: RunFacts, reports: Reports) -> tuple[Failure, ...]:
    """Returns what failed, in the order of the steps; a step's own words go before the engine's."""
    own = {run.name: Failure(run.name, run.error or "it gave no reason") for run in reports.runs.values() if run.failed}
    # A run that succeeded may list attempts that were tried again.
    told = {} if facts.status == SUCCEEDED else {found.step: found for found in failures(facts.failures)}
    return tuple(sorted({**told, **own}.values(), key=lambda found: _place(found.step)))


def absence(step: str, reports: Reports, found: tuple[Failure, ...]) -> str:
    """Says why a step left nothing to show."""
    for failure in found:
        if failure.step == step:
            return f"{step} failed: {failure.message}"
    if step in reports.unreadable:
        return f"The report of {step} could not be read: {reports.unreadable[step]}."
    if step in reports.runs:
        return f"{step} ran and reported nothing of this."
    before = [failure.step for failure in found if _place(failure.step) < _place(step)]
    return f"{step} did not run, because {before[0]} failed." if before else f"{step} left no report."


def _place(step: str) -> int:
    return STEPS.index(step) if step in STEPS else len(STEPS)


def _outcome(facts: RunFacts, reports: Reports, found: tuple[Failure, ...]) -> str:
    if found or facts.status != SUCCEEDED or reports.gate.passed is False:
        first = found[0].step if found else ""
        return REFUSED if first in JUDGES and _refusal(first, reports) else FAILED
    return RELEASED if reports.release.commit else PASSED


def _refusal(step: str, reports: Reports) -> bool:
    # A judge that was killed refused nothing: it must have said what it found.
    if step == "validate":
        return any(found.severity == "error" for found in reports.validate.anomalies)
    return reports.gate.passed is False if step == "gate" else bool(reports.check.differences)


def _sentence(outcome: str, reports: Reports, found: tuple[Failure, ...]) -> str:
    if outcome in {RELEASED, PASSED}:
        kept = reports.release.message.rstrip(".") or "Passed, and not released"
        where = f"Released to {reports.release.environment}" if outcome == RELEASED else kept
        return f"{where}: {_achieved(reports)}."
    if not found:
        return "The run did not succeed, and no step said why."
    refused = [check for check in reports.gate.checks if not check.passed]
    if outcome == REFUSED and found[0].step == "gate" and refused:
        return f"The gate refused it: {_missed(refused[0])}{_more(len(refused) - 1)}."
    anomalies = [anomaly for anomaly in reports.validate.anomalies if anomaly.severity == "error"]
    if outcome == REFUSED and found[0].step == "validate":
        return f"The data was refused: {anomalies[0].message.rstrip('.')}{_more(len(anomalies) - 1)}."
    first = one_line(found[0].message, 300).rstrip(".")
    return f"{found[0].step} failed: {first}." if found[0].step else f"{first}."


def _achieved(reports: Reports) -> str:
    accuracy, baseline = reports.evaluate.metrics.get("accuracy"), reports.evaluate.baseline
    told = [] if accuracy is None else [f"accuracy {metric(accuracy)} on the held-out examples"]
    if accuracy is not None and baseline and "accuracy" in baseline.metrics:
        told[0] += f", where the serving version has {metric(baseline.metrics['accuracy'])}"
    passed = len(reports.gate.checks)
    return "; ".join(
        [
            *told,
            (f"all {passed} checks of the gate passed" if passed > 1 else "the one check of the gate passed")
            if passed
            else "the gate had no checks",
        ]
    )


def _missed(check: GateCheck) -> str:
    what = f"{check.metric or check.name}" + (f" on {check.slice}" if check.slice else "")
    side = "above" if check.value > check.bar else "below"
    return f"{what} is {metric(check.value)}, {side} its bar {metric(check.bar)}"


def _more(count: int) -> str:
    return f" (and {count} more)" if count > 0 else ""
