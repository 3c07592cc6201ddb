"""How numbers are written for a reader. Not here: what they mean."""

from __future__ import annotations

import math

__all__ = ["difference", "duration", "megabytes", "metric", "milliseconds", "percent", "signed", "size", "whole"]

MINUTE, HOUR, TEN, KILO = 60, 3600, 10, 1000
NONE = "\N{EN DASH}"


def metric(value: float | None) -> str:
    """Writes a metric with four decimals where they tell enough, otherwise with three digits."""
    if value is None or math.isnan(value):
        return NONE if value is None else "not a number"
    return f"{value:.4f}" if value == 0 or 1 / KILO <= abs(value) < KILO else f"{value:.3g}"


def signed(value: float | None) -> str:
    """Writes a difference with its sign and four decimals."""
    if value is None or not math.isfinite(value):
        return metric(value)
    return f"{value:+.4f}" if round(value, 4) else "0.0000"


def difference(value: float | None) -> str:
    """Writes how far two answers are apart, as a power of ten."""
    return NONE if value is None else "0" if value == 0 else f"{value:.1e}"


def duration(seconds: float | None) -> str:
    """Writes seconds as a person says them: 0.42 s, 12.3 s, 1 min 23 s, 2 h 5 min."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if seconds < 1:
        return f"{seconds:.2f} s"
    if round(seconds, 1) < MINUTE:
        return f"{seconds:.1f} s"
    rounded = round(seconds)
    if rounded < HOUR:
        return f"{rounded // MINUTE} min {rounded % MINUTE} s"
    return f"{rounded // HOUR} h {rounded % HOUR // MINUTE} min"


def milliseconds(value: float | None) -> str:
    """Writes a latency in ms, with two decimals below ten."""
    if value is None or math.isnan(value):
        return NONE
    return f"{value:.{2 if value < TEN else 0}f} ms"


def megabytes(value: float | None) -> str:
    """Writes MB, as GB from a thousand on."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value / KILO:.1f} GB" if value >= KILO else f"{value:.0f} MB"


def size(count: int | None) -> str:
    """Writes a number of bytes in the unit that fits."""
    if count is None:
        return NONE
    for unit, scale in (("GB", KILO**3), ("MB", KILO**2), ("kB", KILO)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} bytes"


def whole(value: int | None) -> str:
    """Writes a count with thousands apart."""
    return NONE if value is None else f"{value:,}"


def percent(share: float) -> str:
    """Writes a share of 1 as a percentage."""
    return f"{100 * share:.1f} %"
