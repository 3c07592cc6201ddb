"""Writes the page of a run: one self-contained HTML file, and `summary.json` beside it for machines.

It needs the extra `report` (matplotlib and jinja2). Not here: what the page says of a run (`verdict.py`, `rows.py`).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from workflows.errors import UsageError
from workflows.report import figures, formats, rows
from workflows.report.file import put
from workflows.report.reading import read
from workflows.report.reports import STEPS, Reports, StepRun
from workflows.report.summary import summary
from workflows.report.values import one_line, text
from workflows.report.verdict import absence, judge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from markupsafe import Markup

    from workflows.report.facts import RunFacts

MOST_LABELS = 30
REPEATED = ("data", "epochs", "seed")


@dataclass(frozen=True)
class Section:
    """A section of the page, and the step whose report it shows; `present` tells whether there is anything to show."""

    id: str
    title: str
    step: str
    present: bool


def write(page: Path, *, facts: RunFacts, reports: Mapping[str, Path]) -> None:
    """Writes the page of a run, and `summary.json` beside it, each whole or not at all.

    Args:
      page: The HTML file; its directory is made.
      facts: What the engine knows of the run.
      reports: The steps' JSON files by step (prepare, validate, ...); any may be missing, empty or broken.
    Raises: UsageError (the directory cannot be written).
    """
    found = read(reports)
    try:
        put(page.parent / "summary.json", summary(facts, found, judge(facts, found)).encode())
        put(page, render(facts, found).encode())
    except OSError as error:
        raise UsageError(f"The report cannot be written to {page}: {error.strerror}; name another file.") from error


def render(facts: RunFacts, reports: Reports) -> str:
    """Returns the page as HTML."""
    verdict = judge(facts, reports)
    metric = rows.slice_metric(reports.evaluate)
    return (
        _environment()
        .get_template("template.html")
        .render(
            facts=facts,
            reports=reports,
            verdict=verdict,
            sections=sections(reports),
            began=min((run.started for run in reports.runs.values() if run.started), default=None),
            rows=rows,
            slice_metric=metric,
            slice_rows=rows.slice_rows(reports.evaluate, metric),
            figures=_figures(reports, metric),
            runs=_ordered(reports),
            split_labels=_labels(reports),
            absence=lambda step: absence(step, reports, verdict.failures),
            commands=facts.commands or commands(facts, verdict.model),
        )
    )


def sections(reports: Reports) -> list[Section]:
    """Returns the sections of the page in order."""
    evaluate, prepare, validate, check = reports.evaluate, reports.prepare, reports.validate, reports.check
    return [
        Section("gate", "Gate", "gate", bool(reports.gate.checks)),
        Section("curves", "Training", "train", bool(rows.curve_names(reports.train.history))),
        Section("confusion", "Confusion", "evaluate", bool(evaluate.confusion)),
        Section("slices", "Slices", "evaluate", bool(evaluate.metrics or evaluate.slices)),
        Section("wrong", "Wrong answers", "evaluate", bool(evaluate.metrics or evaluate.wrong)),
        Section("data", "Data", "prepare", bool(prepare.examples or validate.checks or validate.anomalies)),
        Section("server", "Server", "check", bool(check.latency_ms or check.differences)),
        Section("timing", "Timing", "prepare", bool(reports.runs)),
        Section("provenance", "Provenance", "", present=True),
        Section("reproduce", "Do it again", "", present=True),
    ]


def commands(facts: RunFacts, model: str) -> tuple[str, ...]:
    """Returns the commands that do the run again on one machine: same commit, data, seed and epochs."""
    given = {name: one_line(facts.parameters.get(name)) for name in REPEATED}
    # No epochs, or 0, are as many as the model's config says.
    flags = [f"--{name}={value}" for name, value in given.items() if value and (name, value) != ("epochs", "0")]
    checkout = ["git", "checkout", one_line(facts.source_commit)]
    run = [".venv/bin/shipway", "run", model, *flags]
    return (*([shlex.join(checkout)] if facts.source_commit else []), "make setup", shlex.join(run))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    named = {name: getattr(formats, name) for name in formats.__all__}
    environment.filters.update(named, line=one_line, clean=text)
    return environment


def _figures(reports: Reports, metric: str) -> dict[str, Markup]:
    history, drift, latency = reports.train.history, reports.validate.drift, reports.check.latency_ms
    by_slice, runs, labels = rows.slice_rows(reports.evaluate, metric), _timed(reports), _labels(reports)
    drawn = {
        f"curve {name}": figures.curve(name, history.get(name, ()), history.get(f"val_{name}", ()))
        for name in rows.curve_names(history)
    }
    if by_slice:
        drawn["slices"] = figures.slices(metric, by_slice)
    if drift:
        drawn["drift"] = figures.drift(drift)
    if 0 < len(labels) <= MOST_LABELS:
        drawn["balance"] = figures.balance(reports.prepare.class_counts, labels)
    if any(latency.values()):
        drawn["latency"] = figures.latency(latency)
    if runs:
        drawn["timing"] = figures.timing(runs)
    return drawn


def _ordered(reports: Reports) -> list[StepRun]:
    places = {name: place for place, name in enumerate(STEPS)}
    return sorted(reports.runs.values(), key=lambda run: places.get(run.name, len(places)))


def _timed(reports: Reports) -> list[tuple[StepRun, datetime, float]]:
    return [(run, run.started, run.seconds) for run in _ordered(reports) if run.started and run.seconds is not None]


def _labels(reports: Reports) -> list[str]:
    counted = dict.fromkeys(label for split in reports.prepare.class_counts.values() for label in split)
    return [
        *(label for label in reports.prepare.labels if label in counted),
        *(set(counted) - set(reports.prepare.labels)),
    ]
