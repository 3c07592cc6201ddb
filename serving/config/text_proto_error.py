"""The reasons of Python's text-format parser in the words of the C++ one. Pure."""

from __future__ import annotations

import re
from typing import Any

_PREFIX = re.compile(r"\d+:\d+ : ('(?:[^\n]*)': )?", re.DOTALL)


def cpp_reason(error: Any) -> str:
    """`<line>:<column>: <reason>` from a google.protobuf.text_format.ParseError, both from 1."""
    text = _PREFIX.sub("", str(error), count=1)
    return f"{error.GetLine() or 1}:{error.GetColumn() or 1}: {text}"
