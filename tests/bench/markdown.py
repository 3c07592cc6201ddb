"""Numbers and tables as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.summary import Spread

NOTHING = "-"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column left, the others right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def number(value: float | None) -> str:
    """Three digits, or all before the point; a dash for nothing."""
    if value is None:
        return NOTHING
    decimals = next((decimals for least, decimals in ((100, 0), (10, 1), (1, 2)) if abs(value) >= least), 3)
    return f"{value:,.{decimals}f}"


def spanned(spread: Spread | None, factor: float = 1) -> str:
    """The median, and in brackets the least and the greatest if they differ."""
    if spread is None:
        return NOTHING
    least, median, greatest = (number(factor * each) for each in (spread.least, spread.median, spread.greatest))
    return median if least == greatest else f"{median} ({least} to {greatest})"


def times(ratio: float | None) -> str:
    """A ratio, as `12.3 x`."""
    return NOTHING if ratio is None else f"{ratio:.3g} x"
