"""The measured part of docs/why-a-cluster.md: a table and a picture, from what clients saw."""

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from tests.e2e.outage import Outage

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/why-a-cluster.md"
PICTURE = ROOT / "docs/pictures/why-a-cluster.png"
BEGIN, END = "<!-- measured -->\n", "<!-- until here -->\n"
COLOURS = ("#c2410c", "#0f766e")
BEFORE_S, AFTER_S = 10, 90
HEAD = """\
| what happens | where | requests | failed | seconds until recovery | p99 before, ms | p99 from then on, ms |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
"""


@dataclass(frozen=True)
class Result:
    """One measurement, and the machine's load average when it began."""

    outage: Outage
    load: float


Results = dict[str, dict[str, list[Result]]]  # by scenario and form


def table(results: Results) -> str:
    """A row for each scenario and form; a cell has every run's figure."""
    rows = [
        f"| {name} | {title} | {cells([result.outage for result in runs])} |"
        for name, forms in results.items()
        for title, runs in forms.items()
    ]
    return HEAD + "\n".join(rows) + "\n"


def cells(outages: list[Outage]) -> str:
    """The figures of a row, in the order of HEAD."""
    figures = [
        [f"{outage.requests:,}" for outage in outages],
        [f"{len(outage.failed):,}" for outage in outages],
        [seconds(outage.recovery_s) for outage in outages],
        [f"{outage.p99_before_ms:,.0f}" for outage in outages],
        [f"{outage.p99_during_ms:,.0f}" for outage in outages],
    ]
    return " | ".join(" / ".join(row) for row in figures)


def seconds(value: float) -> str:
    """`-` for never."""
    return f"{value:.1f}" if np.isfinite(value) else "-"


def write(results: Results) -> None:
    """Puts the figures into the page, between its two marks, and draws the picture."""
    runs = [result for forms in results.values() for found in forms.values() for result in found]
    loads = sorted(result.load for result in runs)
    day = datetime.now(timezone.utc).date().isoformat()
    said = (
        f"Measured on {day}, on a test cluster of two nodes on one machine with {os.cpu_count()} cores, whose load\n"
        f"average was {loads[0]:.1f} to {loads[-1]:.1f} when a measurement began. "
        "Two figures in a cell are those of two runs.\n\n"
    )
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + "\n" + said + table(results) + "\n" + END + after, encoding="utf-8")
    draw(results)


def draw(results: Results) -> None:
    """Failed requests a second around the event, in the last run; a row for each scenario, a colour for each form."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(len(results), sharex=True, figsize=(9, 1.7 * len(results)), squeeze=False)
    for axis, (name, forms) in zip(axes[:, 0], results.items(), strict=True):
        for colour, (title, runs) in zip(COLOURS, forms.items(), strict=True):
            counts, edges = failures(runs[-1].outage)
            axis.stairs(counts, edges, color=colour, fill=True, alpha=0.75, label=title)
        axis.set_title(name, loc="left", fontsize=10)
        axis.axvline(0, color="0.3", linewidth=0.8, linestyle=":")
        axis.set_ylim(bottom=0)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].legend(loc="upper right", frameon=False, fontsize=9)
    axes[-1, 0].set_xlabel("seconds from the event, by when a request was asked")
    figure.supylabel("failed requests a second", fontsize=10)
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=120)
    plt.close(figure)


def failures(outage: Outage) -> tuple[np.ndarray, np.ndarray]:
    """How many requests asked in each second failed, and the seconds' bounds."""
    times = [line["at"] - outage.event for line in outage.failed]
    return np.histogram(times, bins=np.arange(-BEFORE_S, AFTER_S + 1))
