"""Values as RapidJSON v1.1.0 writes them: numbers, strings, and a value as it stands in an error message. Pure."""

from __future__ import annotations

import re
from typing import Any

_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SHOWN_BYTES = 256
_MAX_PLAIN_EXPONENT, _MIN_PLAIN_EXPONENT = 21, -6


def quoted(text: str) -> str:
    """A JSON string; only what must be escaped is, with upper-case hex digits."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def double(value: float) -> str:
    """A number as RapidJSON's Grisu writes it: shortest digits, exponent below 1e-6 and from 1e21 on."""
    if value != value:  # noqa: PLR0124 - not a number
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    sign = "-" if repr(value).startswith("-") else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    stripped = digits.rstrip("0")
    return sign + (_placed(stripped, point) if stripped else "0.0")


def shown(value: Any) -> str:
    """A value as in an error message: objects over several lines, arrays on one, cut after 256 bytes."""
    return _pretty(value, 0).encode("utf-8", "surrogateescape")[:_SHOWN_BYTES].decode("utf-8", "replace")


def _placed(digits: str, point: int) -> str:
    """The digits with the decimal point after `point` of them."""
    if 0 < point <= _MAX_PLAIN_EXPONENT:
        whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
        return f"{whole}.{fraction or '0'}"
    if _MIN_PLAIN_EXPONENT < point <= 0:
        return f"0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{point - 1}"


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    return _SHORT.get(char) or f"\\u{ord(char):04X}"


def _pretty(value: Any, level: int) -> str:
    if level > _SHOWN_BYTES:  # each level takes a byte at least, so this deep nothing is shown
        return ""
    if isinstance(value, dict):
        if not value:
            return "{}"
        inner = "    " * (level + 1)
        members = ",\n".join(f"{inner}{quoted(key)}: {_pretty(item, level + 1)}" for key, item in value.items())
        return f"{{\n{members}\n{'    ' * level}}}"
    if isinstance(value, list):
        return f"[{', '.join(_pretty(item, level + 1) for item in value[:_SHOWN_BYTES])}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return quoted(value)
    return double(value) if isinstance(value, float) else str(value)
