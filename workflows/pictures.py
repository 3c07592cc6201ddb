"""Shows held-out examples beside what a server said of them: as a PNG sheet, and in a terminal.

The sheet needs matplotlib (extra `report`). Not here: how the server was asked (`workflows/cli.py`).
"""

from __future__ import annotations

import io
import warnings
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from workflows.report.file import put
from workflows.report.values import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

AGREE = 1e-5
SHADES, ASCII_SHADES = " ░▒▓█", " .:*#"
COLUMNS, GAP = 14, 2
SHEET_COLUMNS = 6
MOST_FEATURES = 6
TABLE_FEATURES = 2  # so that a row fits 80 columns
RIGHT, WRONG, INK, MUTED = "#0a66b0", "#b23c00", "#1a1f26", "#56606c"


@dataclass(frozen=True)
class Prediction:
    """One answer to one example.

    `score` is in [0, 1]; `image` is <uint8>[28, 28] or None; `features` by name or None; `source` says who answered,
    e.g. REST. The same example asked twice is two predictions with one id.
    """

    id: str
    label: str | None
    prediction: str
    score: float
    image: NDArray[np.uint8] | None
    features: Mapping[str, float] | None
    source: str


@dataclass(frozen=True)
class Example:
    """Every answer to one example, in the order they came."""

    answers: tuple[Prediction, ...]

    @property
    def first(self) -> Prediction:
        """The answer to show."""
        return self.answers[0]

    @property
    def right(self) -> bool | None:
        """Whether every answer is the true label; None where that is not known."""
        label = self.first.label
        return None if label is None else all(answer.prediction == label for answer in self.answers)

    @property
    def agree(self) -> bool:
        """Whether all sources gave the same answer, scores to 1e-5."""
        same = {answer.prediction for answer in self.answers} == {self.first.prediction}
        return same and all(abs(answer.score - self.first.score) <= AGREE for answer in self.answers)

    @property
    def odd(self) -> bool:
        """Whether a reader should look twice: a wrong answer, or sources that differ."""
        return self.right is False or not self.agree

    def verdict(self, letters: int = 18) -> str:
        """The answer for a caption: "7 ✓ 0.998", "9 ✗ 0.630" or, where the label is not known, "7 0.998"."""
        mark = {True: " ✓", False: " ✗", None: ""}[self.right]
        return f"{one_line(self.first.prediction, letters)}{mark} {self.first.score:.3f}"

    @property
    def truth(self) -> str:
        """The true label for a caption."""
        return "no label" if self.first.label is None else f"label {one_line(self.first.label, 24)}"

    @property
    def sources(self) -> str:
        """Who answered, and whether they agree: "REST = gRPC", or "REST 9, gRPC 4"."""
        if self.agree:
            return " = ".join(one_line(answer.source) for answer in self.answers)
        return ", ".join(f"{one_line(answer.source)} {one_line(answer.prediction)}" for answer in self.answers)


def examples(items: Iterable[Prediction]) -> list[Example]:
    """Brings the answers to each example together, in the order of their first answer."""
    found: dict[str, list[Prediction]] = defaultdict(list)
    for item in items:
        found[item.id].append(item)
    return [Example(tuple(answers)) for answers in found.values()]


def sheet(path: Path, items: Iterable[Prediction]) -> None:
    """Writes a PNG with each example beside its answers; wrong ones have a heavy frame, a cross and the true label.

    Raises: ValueError (no items); OSError (the file cannot be written).
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    shown = examples(items)
    if not shown:
        raise ValueError("Expected at least one prediction to draw. Received: none.")
    across = min(SHEET_COLUMNS, len(shown))
    down = -(-len(shown) // across)
    with rc_context({"text.parse_math": False, "font.size": 9}), warnings.catch_warnings():
        # A label may be in a script that matplotlib's font lacks; it is drawn as boxes then.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(1.75 * across, 2.35 * down), dpi=110, layout="constrained", facecolor="white")
        for place, example in enumerate(shown, 1):
            _draw(figure.add_subplot(down, across, place), example)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    put(path, buffer.getvalue())


def _draw(axes: Axes, example: Example) -> None:
    colour, width = (WRONG, 3.5) if example.odd else (RIGHT, 1)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=width)
    if example.first.image is not None:
        axes.imshow(example.first.image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    else:
        axes.set_box_aspect(1)
        axes.text(0.06, 0.94, _features(example.first), va="top", fontsize=6, transform=axes.transAxes, color=INK)
    axes.set_title(example.verdict(), color=colour, fontweight="bold", fontsize=9)
    axes.set_xlabel(f"{example.truth}\n{example.sources}\n{one_line(example.first.id, 24)}", color=MUTED, fontsize=7)


def _features(item: Prediction) -> str:
    shown = list((item.features or {}).items())[:MOST_FEATURES]
    return "\n".join(f"{one_line(name, 18)} {value:.4g}" for name, value in shown)


def terminal(items: Iterable[Prediction]) -> RenderableType:
    """Returns what `rich` prints: pictures in half blocks where there are any, a table of the others."""
    shown = examples(items)
    pictures = [example for example in shown if example.first.image is not None]
    others = [example for example in shown if example.first.image is None]
    return Group(*([Gallery(pictures)] if pictures else []), *([_table(others)] if others else []))


@dataclass(frozen=True)
class Gallery:
    """Pictures side by side, as many as fit: two greys to a cell, or shades where the terminal has no colour."""

    examples: Sequence[Example]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields the rows of pictures, each with its captions below."""
        across = max(1, (options.max_width + GAP) // (COLUMNS + GAP))
        draw = _shades if console.no_color or console.color_system is None else _half_blocks
        shades = ASCII_SHADES if options.ascii_only else SHADES
        for start in range(0, len(self.examples), across):
            row = self.examples[start : start + across]
            drawn = [
                list(draw(_small(example.first.image), shades)) for example in row if example.first.image is not None
            ]
            for line in zip(*drawn, strict=True):
                for cells in line:
                    yield from (*cells, Segment(" " * GAP))
                yield Segment.line()
            yield from _captions(row)


def _captions(row: Sequence[Example]) -> Iterator[Segment]:
    bad = Style(color="dark_orange", bold=True)
    for line in range(3):
        for example in row:
            caption = one_line(
                (example.verdict(COLUMNS - len(" ✓ 0.998")), example.truth, example.sources)[line], COLUMNS
            )
            style = bad if example.odd else Style(bold=line == 0, dim=line > 0)
            yield Segment(caption + " " * (COLUMNS - cell_len(caption) + GAP), style)
        yield Segment.line()
    yield Segment.line()


def _small(image: NDArray[np.uint8]) -> list[list[int]]:
    """Halves a picture: <uint8>[28, 28] to rows of means of two by two pixels."""
    height, width = image.shape
    means = image.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    return [[int(grey) for grey in row] for row in means]


def _half_blocks(rows: Sequence[Sequence[int]], _shades: str) -> Iterator[list[Segment]]:
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        yield [Segment("▀", _greys(*pair)) for pair in zip(upper, lower, strict=True)]


def _greys(upper: int, lower: int) -> Style:
    return Style(color=f"rgb({upper},{upper},{upper})", bgcolor=f"rgb({lower},{lower},{lower})")


def _shades(rows: Sequence[Sequence[int]], shades: str) -> Iterator[list[Segment]]:
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        greys = ((a + b) // 2 for a, b in zip(upper, lower, strict=True))
        yield [Segment("".join(shades[grey * len(shades) // 256] for grey in greys))]


def _table(found: Sequence[Example]) -> Table:
    every = list(found[0].first.features or {})
    names = every[:TABLE_FEATURES]
    caption = f"{len(names)} of {len(every)} features shown" if len(every) > len(names) else None
    table = Table(box=None, pad_edge=False, header_style="dim", caption=caption, caption_justify="left")
    for name in ("example", "label", "answer", "sources"):
        table.add_column(name, no_wrap=True)
    for name in names:
        table.add_column(Text(one_line(name, 14)), justify="right", no_wrap=True)
    for example in found:
        table.add_row(*_cells(example, names))
    return table


def _cells(example: Example, names: Sequence[str]) -> list[Text]:
    item, features = example.first, example.first.features or {}
    style = "bold dark_orange" if example.odd else ""
    told = [one_line(item.id), one_line(item.label) or "?", example.verdict(), example.sources]
    values = [f"{features[name]:.4g}" if name in features else "" for name in names]
    return [Text(cell, style=style) for cell in told] + [Text(cell) for cell in values]
