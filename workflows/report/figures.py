"""The page's figures, one function each: values in, inline SVG out, told apart by more than colour.

Not here: the colours themselves (`theme.py`), or the tables that stand beside each figure.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

from matplotlib.ticker import MaxNLocator, PercentFormatter

from workflows.report.formats import duration, metric, milliseconds, percent
from workflows.report.theme import FIRST, INK, LINE, PAPER, SECOND, THIRD, canvas, svg
from workflows.report.values import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workflows.report.reports import Drift, StepRun
    from workflows.report.rows import SliceRow

ROW_INCHES = 0.26
LABEL_LETTERS = 22
MOST_ROWS = 30


def curve(name: str, train: Sequence[float], validation: Sequence[float]) -> Markup:
    """Draws a metric by epoch: train solid with discs, validation dashed with squares."""
    with canvas(1.75) as (figure, axes):
        for label, line, colour, style in (("train", train, FIRST, "o-"), ("validation", validation, SECOND, "s--")):
            if line:
                every = max(1, len(line) // 12)
                epochs = range(1, len(line) + 1)
                axes.plot(epochs, line, style, color=colour, label=label, markerfacecolor=PAPER, markevery=every)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch")
        axes.grid(visible=False, axis="x")
        _legend(axes, 2)
        ends = [f"{label} from {metric(line[0])} to {metric(line[-1])}" for label, line in _lines(train, validation)]
        return svg(figure, f"curve {name}", f"{name} by epoch: {', '.join(ends)}.")


def _lines(train: Sequence[float], validation: Sequence[float]) -> list[tuple[str, Sequence[float]]]:
    return [(label, line) for label, line in (("train", train), ("validation", validation)) if line]


def slices(name: str, rows: Sequence[SliceRow]) -> Markup:
    """Draws a metric by slice: a disc with its 95 % interval for this run, a hollow diamond for the serving version."""
    rows = rows[:MOST_ROWS]
    with _rows([row.name for row in rows]) as (figure, axes):
        for place, row in enumerate(rows):
            if row.interval:
                axes.plot(row.interval, (place, place), color=FIRST, alpha=0.35, linewidth=4, solid_capstyle="butt")
        theirs, ours = [row.baseline for row in rows], [row.value for row in rows]
        _dots(axes, theirs, marker="D", edge=SECOND, face="none", label="serving version")
        _dots(axes, ours, marker="o", edge=FIRST, face=FIRST, label="this run")
        axes.set_xlabel(name)
        _legend(axes, 2)
        worst = min(rows, key=lambda row: row.value)
        return svg(figure, "slices", f"{name} by slice; the lowest is {worst.name} with {metric(worst.value)}.")


def _dots(axes: Axes, found: Sequence[float | None], *, marker: str, edge: str, face: str, label: str) -> None:
    known = {place: value for place, value in enumerate(found) if value is not None and math.isfinite(value)}
    if known:
        axes.plot([*known.values()], [*known], marker, color=edge, markerfacecolor=face, markersize=5.5, label=label)


def drift(rows: Sequence[Drift]) -> Markup:
    """Draws each feature's distance as a share of its own threshold, largest first; one over it is hatched, with ✗."""
    rows = rows[:MOST_ROWS]
    edge = max(1.1, min(2.0, rows[0].reach))
    with _rows([row.feature for row in rows]) as (figure, axes):
        for place, row in enumerate(rows):
            drawn = min(row.reach, edge)
            face, hatch = (SECOND, "////") if row.drifted else (FIRST, "")
            axes.barh(place, drawn, height=0.55, color=face, hatch=hatch, edgecolor=PAPER, linewidth=0)
            if row.drifted:
                axes.text(drawn, place, f" ✗ {metric(row.distance)}", va="center", fontsize=7.5)
        axes.axvline(1, color=INK, linewidth=1.2)
        axes.text(1, -0.75, "threshold", ha="center", fontsize=7.5)
        axes.set_xlim(0, edge * (1.2 if rows[0].drifted else 1))
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xlabel("distance, as a share of the feature's threshold")
        over = [row.feature for row in rows if row.drifted]
        told = f"over it: {', '.join(over)}" if over else "none is over it"
        return svg(figure, "drift", f"Drift of {len(rows)} features against their thresholds; {told}.")


def balance(counts: Mapping[str, Mapping[str, int]], labels: Sequence[str]) -> Markup:
    """Draws the share of each label in each split, as bars side by side."""
    faces = ((FIRST, ""), (SECOND, "////"), (THIRD, "...."))
    with canvas(1.9) as (figure, axes):
        for index, ((split, found), (face, hatch)) in enumerate(zip(counts.items(), faces, strict=False)):
            total = sum(found.values()) or 1
            shares = [found.get(label, 0) / total for label in labels]
            places = [place + (index - 1) * 0.27 for place in range(len(labels))]
            axes.bar(places, shares, 0.25, label=split, color=face, hatch=hatch, edgecolor=PAPER, linewidth=0)
        axes.set_xticks(range(len(labels)), labels=[one_line(label, 12) or "(empty)" for label in labels])
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.grid(visible=False, axis="x")
        _legend(axes, 3)
        return svg(figure, "balance", f"Share of each of {len(labels)} labels in {', '.join(counts)}.")


def latency(transports: Mapping[str, Mapping[str, float]]) -> Markup:
    """Draws the latency percentiles of each transport on one line from zero."""
    shown: set[str] = set()
    with _rows(list(transports)) as (figure, axes):
        for place, (_, found) in enumerate(transports.items()):
            known = {name: value for name, value in found.items() if math.isfinite(value)}
            axes.plot(list(known.values()), [place] * len(known), "-", color=LINE, linewidth=5, zorder=1)
            for (name, value), marker in zip(known.items(), "os^Dv", strict=False):
                axes.plot(value, place, marker, color=FIRST, markersize=6, label=None if name in shown else name)
                shown.add(name)
        axes.set_xlim(left=0)
        axes.set_xlabel("ms per request")
        _legend(axes, 5)
        told = (f"{name} {p} {milliseconds(value)}" for name, found in transports.items() for p, value in found.items())
        return svg(figure, "latency", f"Latency: {', '.join(told)}.")


def timing(runs: Sequence[tuple[StepRun, datetime, float]]) -> Markup:
    """Draws when each step ran, in seconds after the first began; a failed one is hatched and says so.

    Args:
      runs: The step, its start and its seconds, in the order of the rows.
    """
    first = min(started for _, started, _ in runs)
    end = max((started - first).total_seconds() + seconds for _, started, seconds in runs) or 1.0
    with _rows([run.name for run, _, _ in runs]) as (figure, axes):
        for place, (run, started, seconds) in enumerate(runs):
            left = (started - first).total_seconds()
            face, hatch = (SECOND, "////") if run.failed else (FIRST, "")
            axes.barh(place, max(seconds, end / 400), 0.55, left, color=face, hatch=hatch, edgecolor=PAPER, linewidth=0)
            label = f"{duration(seconds)}{' ✗ failed' if run.failed else ''}"
            inside = left + seconds > 0.75 * end and left > 0.25 * end
            x = left - end / 80 if inside else left + seconds + end / 80
            axes.text(x, place, label, va="center", ha="right" if inside else "left", fontsize=7.5)
        axes.set_xlim(0, end * 1.02)
        axes.set_xlabel("seconds after the first step began")
        longest, _, seconds = max(runs, key=lambda found: found[2])
        share = percent(seconds / end)
        return svg(figure, "timing", f"{longest.name} took longest: {duration(seconds)}, {share} of the run.")


def _legend(axes: Axes, columns: int) -> None:
    """Puts the legend above the plot, if there is anything to tell apart."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0)


@contextmanager
def _rows(names: Sequence[str]) -> Iterator[tuple[Figure, Axes]]:
    """Gives axes with a named row for each name, the first on top."""
    labels = [one_line(name, LABEL_LETTERS) or "(empty)" for name in names]
    with canvas(ROW_INCHES * (len(labels) + 0.2), max(map(len, labels))) as (figure, axes):
        axes.set_yticks(range(len(names)), labels=labels, color=INK)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        yield figure, axes
