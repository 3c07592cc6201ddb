"""What a run's engine knows and no step does.

Not here: the steps' own reports (`reports.py`), or any judgement (`verdict.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workflows.report import values
from workflows.report.reports import STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What the engine knows of a run and no step does.

    `status` and `failures` are Argo's `{{workflow.status}}` and `{{workflow.failures}}`, `seconds` its duration;
    `commands` replaces the commands that the page derives for doing the run again.
    """

    workflow: str
    uid: str
    status: str
    seconds: float
    source_commit: str
    failures: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A step that did not succeed, and why in its own words."""

    step: str
    message: str


def failures(told: str) -> tuple[Failure, ...]:
    """Reads Argo's `{{workflow.failures}}`: a JSON list, at times quoted once more, at times not filled in at all."""
    stripped = told.strip()
    if not stripped or stripped.startswith("{{"):
        return ()
    try:
        found = json.loads(stripped)
        found = json.loads(found) if isinstance(found, str) else found
    except (ValueError, RecursionError):
        return (Failure("", values.text(told)),)
    nodes = [Failure(_step(node), values.text(node.get("message"))) for node in values.objects(found)]
    # Argo lists the DAG beside its steps; it failed because they did.
    return tuple([failure for failure in nodes if failure.step in STEPS] or nodes)


def _step(node: Mapping[str, Any]) -> str:
    # A retried step is listed by attempt, as train(0), train(1).
    shown = values.one_line(node.get("displayName")).split("(")[0]
    return shown if shown in STEPS else values.one_line(node.get("templateName")) or shown
