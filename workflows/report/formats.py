"""How numbers are written for a reader. Not here: what they mean."""

from __future__ import annotations

import math

__all__ = ["duration", "megabytes", "metric", "milliseconds", "percent", "signed", "size", "whole"]

MINUTE, HOUR, KILO = 60, 3600, 1000


def metric(value: float | None) -> str:
    """Writes a metric with four decimals where that tells enough, otherwise with four digits."""
    if value is None or math.isnan(value):
        return "–" if value is None else "not a number"
    plain = value == 0 or 0.001 <= abs(value) < KILO
    return f"{value:.4f}" if plain else f"{value:.3g}"


def signed(value: float | None) -> str:
    """Writes a difference with its sign."""
    return metric(value) if value is None or math.isnan(value) else ("+" if value > 0 else "") + metric(value)


def duration(seconds: float | None) -> str:
    """Writes seconds as a person says them: 0.42 s, 12.3 s, 1 min 23 s, 2 h 5 min."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 1:
        return f"{seconds:.2f} s"
    if round(seconds, 1) < MINUTE:
        return f"{seconds:.1f} s"
    if seconds < HOUR:
        return f"{int(seconds) // MINUTE} min {int(seconds) % MINUTE} s"
    return f"{int(seconds) // HOUR} h {int(seconds) % HOUR // MINUTE} min"


def milliseconds(value: float | None) -> str:
    """Writes a latency in ms."""
    return "–" if value is None or math.isnan(value) else f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"  # noqa: PLR2004 - three digits


def megabytes(value: float | None) -> str:
    """Writes MB, as GB from a thousand on."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value / KILO:.1f} GB" if value >= KILO else f"{value:.0f} MB"


def size(count: int | None) -> str:
    """Writes a number of bytes in the unit that fits."""
    if count is None:
        return "–"
    for unit, scale in (("GB", KILO**3), ("MB", KILO**2), ("kB", KILO)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} bytes"


def whole(value: int | None) -> str:
    """Writes a count with thousands apart."""
    return "–" if value is None else f"{value:,}"


def percent(share: float) -> str:
    """Writes a share of 1 as a percentage."""
    return f"{100 * share:.1f} %"
