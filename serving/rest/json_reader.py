"""JSON as RapidJSON v1.1.0 reads it: iterative, with NaN and Inf, done after the first value, first of repeated keys.

`read` takes the standard library's scanner, in C, wherever both agree, and this module's own for the rest: what the
scanner refuses, nesting beyond its recursion, and numbers and escapes that the two take differently. Pure.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from serving.errors import InvalidArgument

_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"[ \t\n\r]*")
# Where the standard scanner is more generous: integers beyond 64 bits, numbers beyond a double, lone surrogates.
_DIFFERS = re.compile(rb"[^0-9.][0-9]{19}|[eE]\+?[0-9]{3}|\\u[dD][89a-fA-F]")
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)")
# Elements of a list that the scanner takes and means the same.
_PLAIN = rb'-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?|"[^"\\\x00-\x1f]*"|true|false|null'
_PLAIN_ELEMENTS = re.compile(rb"(?:[ \t\n\r]*(?:%s)[ \t\n\r]*,){2,4096}" % _PLAIN)
_DIGITS = re.compile(rb"[0-9]+")
_UNESCAPED = re.compile(rb'[^"\\\x00-\x1f]*')
_HEX = re.compile(rb"[0-9A-Fa-f]{4}")
_SHORT = {b'"': '"', b"\\": "\\", b"/": "/", b"b": "\b", b"f": "\f", b"n": "\n", b"r": "\r", b"t": "\t"}
_WORDS = {b"t": (b"true", True), b"f": (b"false", False), b"n": (b"null", None)}
_HIGH, _LOW = range(0xD800, 0xDC00), range(0xDC00, 0xE000)

VALUE_INVALID = "Invalid value."
MISS_NAME = "Missing a name for object member."
MISS_COLON = "Missing a colon after a name of object member."
MISS_CURLY = "Missing a comma or '}' after an object member."
MISS_SQUARE = "Missing a comma or ']' after an array element."
EMPTY = "The document is empty."


def read(body: bytes) -> Any:
    """The first value of the body. Bytes that are no UTF-8 are kept, as surrogates.

    Raises: InvalidArgument, `JSON Parse error: <text> at offset: <n>`, the offset in bytes.
    """
    if not body:
        raise InvalidArgument("JSON Parse error: The document is empty")
    scanned = scan(body)
    return scanned[0] if scanned else _Reader(body).read()


def scan(body: bytes) -> tuple[Any] | None:
    """The first value, if the standard library's scanner takes it and means the same; 30 MB a second."""
    text = body.removeprefix(_BOM).decode("utf-8", "surrogateescape").lstrip(" \t\n\r")
    if not text.startswith(("{", "[")) or _DIFFERS.search(body):
        return None
    try:
        return (_SCANNER.raw_decode(text)[0],)
    except (ValueError, RecursionError):
        return None


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        members.update(reversed(pairs))
    return members


_SCANNER = json.JSONDecoder(object_pairs_hook=_first_wins)


class _Reader:
    """RapidJSON's state machine over bytes; a zero byte ends the document, as in C."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = len(_BOM) if body.startswith(_BOM) else 0
        self._open: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str] = []

    def read(self) -> Any:
        """The first value."""
        self._blanks()
        if self._peek() in (b"", b"]", b"}", b":", b","):
            raise self._error(EMPTY)
        value = self._value()
        while self._open:
            value = self._next(value)
        return value

    def _next(self, value: Any) -> Any:
        """Takes one step inside the innermost container; `value` is what was read last, `self` stands for nothing."""
        container = self._open[-1]
        if value is not self:
            if isinstance(container, dict):
                container.setdefault(self._keys.pop(), value)
            else:
                container.append(value)
        return self._member(value is self) if isinstance(container, dict) else self._element(value is self)

    def _member(self, first: bool) -> Any:  # noqa: FBT001
        if self._ends(b"}"):
            return self._close()
        if not first and not self._takes(b","):
            raise self._error(MISS_CURLY)
        self._blanks()
        if self._peek() != b'"':
            raise self._error(MISS_NAME)
        self._keys.append(self._string())
        self._blanks()
        if not self._takes(b":"):
            raise self._error(MISS_COLON)
        return self._value()

    def _element(self, first: bool) -> Any:  # noqa: FBT001
        if self._ends(b"]"):
            return self._close()
        if not first and not self._takes(b","):
            raise self._error(MISS_SQUARE)
        if elements := _PLAIN_ELEMENTS.match(self._body, self._at):
            self._at = elements.end()
            text = elements.group()[:-1].decode("utf-8", "surrogateescape")
            self._open[-1].extend(json.loads(f"[{text}]"))  # type: ignore[union-attr]  # a list
        return self._value()

    def _ends(self, bracket: bytes) -> bool:
        self._blanks()
        return self._takes(bracket)

    def _close(self) -> Any:
        return self._open.pop()

    def _value(self) -> Any:
        """A scalar, or `self` after opening a container."""
        self._blanks()
        char = self._peek()
        if char in (b"{", b"["):
            self._at += 1
            self._open.append({} if char == b"{" else [])
            return self
        if char == b'"':
            return self._string()
        return self._word(*_WORDS[char]) if char in _WORDS else self._number()

    def _word(self, word: bytes, value: bool | None) -> bool | None:  # noqa: FBT001
        for index in range(len(word)):
            if not self._takes(word[index : index + 1]):
                raise self._error(VALUE_INVALID)
        return value

    def _number(self) -> int | float:
        start = self._at
        match = _NUMBER.match(self._body, start)
        if not match:
            return self._not_finite()
        self._at = match.end()
        whole = not (self._part(b".", b"", "Miss fraction part in number."))
        whole = not (self._part(b"eE", b"+-", "Miss exponent in number.")) and whole
        text = self._body[start : self._at]
        if whole and len(text) <= len("-9223372036854775808") and -(2**63) <= int(text) < 2**64:
            return int(text)
        number = float(text)
        if math.isinf(number):
            self._at = start
            raise self._error("Number too big to be stored in double.")
        return number

    def _part(self, marks: bytes, signs: bytes, missing: str) -> bool:
        """A fraction or exponent, if one begins here."""
        if not self._peek() or self._peek() not in marks:
            return False
        self._at += 1
        if self._peek() and self._peek() in signs:
            self._at += 1
        digits = _DIGITS.match(self._body, self._at)
        if not digits:
            raise self._error(missing)
        self._at = digits.end()
        return True

    def _not_finite(self) -> float:
        sign = -1 if self._takes(b"-") else 1
        if self._takes(b"N") and self._takes(b"a") and self._takes(b"N"):
            return math.nan
        if not (self._takes(b"I") and self._takes(b"n") and self._takes(b"f")):
            raise self._error(VALUE_INVALID)
        if self._peek() == b"i":
            self._word(b"inity", None)
        return sign * math.inf

    def _string(self) -> str:
        self._at += 1
        parts: list[str] = []
        while True:
            plain = _UNESCAPED.match(self._body, self._at)
            assert plain
            parts.append(plain.group().decode("utf-8", "surrogateescape"))
            self._at = plain.end()
            if self._takes(b'"'):
                return "".join(parts)
            if self._peek() == b"\\":
                parts.append(self._escape())
            else:
                ended = not self._peek()
                raise self._error(
                    f"{'Missing a closing quotation mark' if ended else 'Invalid escape character'} in string."
                )

    def _escape(self) -> str:
        """Errors are reported at the backslash."""
        start = self._at
        self._at += 2
        mark = self._body[start + 1 : start + 2]
        if mark in _SHORT:
            return _SHORT[mark]
        if mark != b"u":
            raise self._error("Invalid escape character in string.", start)
        code = self._hex(start)
        if code in _HIGH:
            low = self._hex(start) if self._takes(b"\\") and self._takes(b"u") else 0
            if low not in _LOW:
                raise self._error("The surrogate pair in string is invalid.", start)
            code = ((code - _HIGH[0]) << 10 | (low - _LOW[0])) + 0x10000
        return chr(code).encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")

    def _hex(self, start: int) -> int:
        match = _HEX.match(self._body, self._at)
        if not match:
            raise self._error("Incorrect hex digit after \\u escape in string.", start)
        self._at = match.end()
        return int(match.group(), 16)

    def _peek(self) -> bytes:
        char = self._body[self._at : self._at + 1]
        return b"" if char == b"\0" else char

    def _takes(self, char: bytes) -> bool:
        if self._peek() != char:
            return False
        self._at += 1
        return True

    def _blanks(self) -> None:
        match = _BLANK.match(self._body, self._at)
        assert match
        self._at = match.end()

    def _error(self, text: str, offset: int | None = None) -> InvalidArgument:
        return InvalidArgument(f"JSON Parse error: {text} at offset: {self._at if offset is None else offset}")
