"""The figures of a run as a picture: requests per second and CPU per request, by server, for both protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.markdown import number
from tests.bench.page import TARGETS, WORDS
from tests.bench.plan import Cell
from tests.bench.summary import Digest
from tests.bench.targets import SHIPWAY

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.bench.results import Results
    from tests.bench.summary import Spread

CLIENTS = 32
OURS, THEIRS, SPAN = "#1f6feb", "#b6bec9", "#57606a"


def draw(results: Results, stem: Path) -> list[Path]:
    """Writes <stem>.png and <stem>.svg."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "shipway", "font.family": "DejaVu Sans", "font.size": 9})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 6.2), layout="constrained")
    digest = Digest(results)
    for row, (protocol, word) in enumerate(WORDS.items()):
        rates, costs = spreads(digest, protocol)
        _bars(axes[row][0], rates, f"{word}: requests per second, {CLIENTS} clients (more is better)")
        _bars(axes[row][1], costs, f"{word}: CPU seconds per 1,000 requests (less is better)")
    figure.suptitle(f"An MLP of 784-128-10, one row a request; {results.about['machine']}, {results.about['date']}")
    paths = [stem.with_suffix(suffix) for suffix in (".png", ".svg")]
    for path in paths:
        figure.savefig(path, dpi=130, metadata={"Date": None} if path.suffix == ".svg" else {})
    plt.close(figure)
    return paths


def spreads(digest: Digest, protocol: str) -> tuple[dict[str, Spread], dict[str, Spread]]:
    """Requests per second, and CPU per 1,000, by the server's title, best first in each."""
    found = {t.title: digest.get(t.name, Cell("mlp", protocol, CLIENTS)) for t in TARGETS}
    measured = {title: each for title, each in found.items() if each}
    rates = sorted(measured, key=lambda title: -measured[title].rate.median)
    costs = sorted(measured, key=lambda title: measured[title].server_cpu.median)
    return {t: measured[t].rate for t in rates}, {t: measured[t].server_cpu for t in costs}


def _bars(axes: Axes, spreads: dict[str, Spread], title: str) -> None:
    titles = list(spreads)
    medians = [each.median for each in spreads.values()]
    spans = [[s.median - s.least for s in spreads.values()], [s.greatest - s.median for s in spreads.values()]]
    colours = [OURS if each == SHIPWAY.title else THEIRS for each in titles]
    axes.barh(titles, medians, xerr=spans, color=colours, ecolor=SPAN, error_kw={"elinewidth": 1})
    for place, spread in enumerate(spreads.values()):
        where = (spread.greatest, place)
        axes.annotate(f" {number(spread.median)}", where, va="center", xytext=(2, 0), textcoords="offset points")
    axes.invert_yaxis()
    axes.margins(x=0.14)
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
