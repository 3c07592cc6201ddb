"""Reads values out of JSON that nobody vouches for: each function returns its type, or an empty value.

A report may come from a step that was killed, from another version of the step, or from a data set whose labels hold
anything. Not here: what the values mean.
"""

from __future__ import annotations

import base64
import binascii
import json
import unicodedata
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n"


def document(path: Path) -> Mapping[str, Any]:
    """Reads one JSON object from a file.

    Raises: OSError (no such file, not readable); ValueError (not UTF-8, not JSON, or not an object).
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object. Received: {type(found).__name__}")  # noqa: TRY004 - bad content
    return found


def text(value: Any) -> str:
    """Returns a string without control characters; a number as written, anything else as empty."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return "".join(c for c in str(value) if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"})


def one_line(value: Any, limit: int = 0) -> str:
    """Returns the text on one line, cut to `limit` characters with an ellipsis when `limit` is not 0."""
    line = " ".join(text(value).split())
    return line[: limit - 1] + "…" if 0 < limit < len(line) else line


def number(value: Any) -> float | None:
    """Returns a float, NaN and infinities included, or None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def whole(value: Any) -> int | None:
    """Returns an int, or None for what is no whole number."""
    found = number(value)
    return int(found) if found is not None and found.is_integer() else None


def mapping(value: Any) -> Mapping[str, Any]:
    """Returns a JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Returns the JSON objects of a list; other elements are left out."""
    return [item for item in items(value) if isinstance(item, dict)]


def items(value: Any) -> Sequence[Any]:
    """Returns a JSON list, or an empty one."""
    return value if isinstance(value, list) else []


def texts(value: Any) -> tuple[str, ...]:
    """Returns the elements of a JSON list as texts of one line."""
    return tuple(one_line(item) for item in items(value))


def numbers(value: Any) -> dict[str, float]:
    """Returns the entries of a JSON object that are numbers, by name."""
    found = {one_line(key): number(item) for key, item in mapping(value).items()}
    return {key: item for key, item in found.items() if item is not None}


def wholes(value: Any) -> dict[str, int]:
    """Returns the entries of a JSON object that are whole numbers, by name."""
    return {key: int(item) for key, item in numbers(value).items() if item.is_integer()}


def moment(value: Any) -> datetime | None:
    """Returns an ISO 8601 time in UTC (one without an offset is taken as UTC), or None."""
    try:
        found = datetime.fromisoformat(text(value).replace("Z", "+00:00"))
        return found.replace(tzinfo=found.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def png(value: Any) -> str:
    """Returns base64 text if it decodes to something that begins as a PNG does, else an empty text."""
    try:
        content = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (ValueError, binascii.Error):
        return ""
    return base64.b64encode(content).decode() if content.startswith(PNG) else ""
