"""The run for machines: `summary.json`, strict JSON beside the page. Not here: anything that the page alone shows."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from workflows.report.verdict import RELEASED, Verdict

if TYPE_CHECKING:
    from workflows.report.facts import RunFacts
    from workflows.report.reports import Reports


def summary(facts: RunFacts, reports: Reports, verdict: Verdict) -> str:
    """Returns the JSON text; a number that JSON cannot hold (NaN, infinity) is null, what is not known too."""
    found = {
        "model": verdict.model,
        "outcome": verdict.outcome,
        "released": verdict.outcome == RELEASED,
        "why": verdict.sentence,
        "version": verdict.version or None,
        "candidate": verdict.candidate or None,
        "serving": verdict.serving or None,
        "digest": reports.export.digest or None,
        "weights_digest": reports.export.weights_digest or reports.train.weights_digest or None,
        "data_digest": reports.prepare.data_digest or None,
        "source_commit": facts.source_commit or None,
        "release_commit": reports.release.commit or None,
        "workflow": facts.workflow,
        "uid": facts.uid,
        "status": facts.status,
        "seconds": facts.seconds,
        "parameters": dict(facts.parameters),
        "metrics": reports.evaluate.metrics,
        "gate": {
            "passed": reports.gate.passed,
            "failed": [check.name for check in reports.gate.checks if not check.passed],
        },
        "failures": [{"step": failure.step, "message": failure.message} for failure in verdict.failures],
        "steps": {
            run.name: {
                "seconds": run.seconds,
                "max_rss_mb": run.max_rss_mb,
                "outcome": "failed" if run.failed else "ok",
            }
            for run in reports.runs.values()
        },
    }
    return json.dumps(_finite(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
