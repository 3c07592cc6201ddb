"""How a matplotlib figure becomes SVG inside the page: in the page's colours, light or dark, with real text.

Figures are drawn in placeholder colours; in the SVG each becomes a CSS variable, which the style sheet decides.
Not here: what is drawn (`figures.py`).
"""

from __future__ import annotations

import io
import re
import warnings
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

INK, MUTED, LINE, PAPER, FIRST, SECOND, THIRD = (f"#0101{index:02x}" for index in range(1, 8))
VARIABLES = {INK: "ink", MUTED: "muted", LINE: "line", PAPER: "paper", FIRST: "first", SECOND: "second", THIRD: "third"}
WIDTH_INCHES, ABOVE_INCHES, BELOW_INCHES, LETTER_INCHES = 5.2, 0.26, 0.45, 0.072

STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: searchable, and in the page's own font
    "text.parse_math": False,  # a label with dollar signs is a label, not a formula
    "axes.formatter.use_mathtext": False,
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "hatch.linewidth": 0.8,
}
_COLOUR = re.compile(r"(?<=[\s\"])(" + "|".join(VARIABLES) + r")(?=[\";])")
_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@contextmanager
def canvas(plot_inches: float, letters: int = 6) -> Iterator[tuple[Figure, Axes]]:
    """Gives a figure with one set of axes; what is drawn inside is in the page's style.

    The margins are laid out by hand: matplotlib's layout engines take twice the time of the drawing, and measure a
    font that is not the page's.

    Args:
      plot_inches: The height inside the axes.
      letters: The length of the longest label on the left.
    """
    with rc_context(STYLE), warnings.catch_warnings():
        # A label may be in any script; the reader's browser has the glyphs, matplotlib's font need not.
        warnings.filterwarnings("ignore", message="Glyph")
        height = plot_inches + ABOVE_INCHES + BELOW_INCHES
        left = 0.12 + LETTER_INCHES * letters
        inside = (left / WIDTH_INCHES, BELOW_INCHES / height, 1 - (left + 0.1) / WIDTH_INCHES, plot_inches / height)
        figure = Figure(figsize=(WIDTH_INCHES, height))
        yield figure, figure.add_axes(inside)


def svg(figure: Figure, name: str, alt: str) -> Markup:
    """Returns the figure as an inline `<svg>`; `name` is unique on the page, `alt` says what the figure shows."""
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=_METADATA)
    drawn = buffer.getvalue()
    view = re.search(r'viewBox="[\d. ]+"', drawn)
    body = drawn[drawn.index(">", drawn.index("<svg")) + 1 :]
    body = re.sub(r'<g id="[^"]*"', "<g", body)  # matplotlib numbers its groups anew in each figure
    body = _COLOUR.sub(lambda found: f"var(--{VARIABLES[found[1]]})", body)
    return Markup(f'<svg role="img" aria-label="{escape(alt)}" {view[0] if view else ""}>{body}')  # noqa: S704 - matplotlib escapes its text
