"""A request's headers, checked: what makes a header list a request.

Source: RFC 9113, sections 8.2 and 8.3.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PSEUDO = (b":method", b":scheme", b":path", b":authority")
_CONNECTION_SPECIFIC = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
_COLON = ord(":")
_wrong_name = re.compile(rb"[\x00-\x20A-Z\x7f-\xff]").search
_wrong_value = re.compile(rb"[\x00\r\n]").search
_MAX_KEPT = 1024
_SHORT = 256
_good: set[tuple[bytes, bytes]] = set()


class RequestHead:
    """The headers of one request; one object for all requests with the same header block.

    Attributes:
      headers: As received, pseudo headers included.
      size: Names, values and 32 bytes for each, of all that were received.
      is_cut: Whether there were more than are allowed: the last ones are missing.
      well_formed: Whether they make a request, as far as is known.
      content_length: Or None.
      parsed: Whatever the layer above keeps with it.
    """

    __slots__ = ("content_length", "headers", "is_cut", "parsed", "size", "well_formed")

    def __init__(self, headers: Sequence[tuple[bytes, bytes]], size: int, *, is_cut: bool = False) -> None:
        self.headers = headers
        self.size = size
        self.is_cut = is_cut
        self.content_length = None if is_cut else _content_length(headers)
        self.well_formed = is_cut or (self.content_length != -1 and _is_request(headers))
        self.parsed: Any = None


def are_trailers(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the headers may follow a body."""
    return _are_fields(headers)


def _is_request(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    count = 0
    for name, value in headers:
        if not name or name[0] != _COLON:
            break
        if name not in _PSEUDO or _wrong_value(value):
            return False
        count += 1
    pseudo = dict(headers[:count])
    return len(pseudo) == count and _has_target(pseudo) and _are_fields(headers[count:])


def _has_target(pseudo: dict[bytes, bytes]) -> bool:
    if pseudo.get(b":method") == b"CONNECT":
        return b":authority" in pseudo and b":path" not in pseudo and b":scheme" not in pseudo
    return bool(pseudo.get(b":method") and pseudo.get(b":scheme") and pseudo.get(b":path"))


def _are_fields(fields: Iterable[tuple[bytes, bytes]]) -> bool:
    """Most have been seen before."""
    return all(field in _good or _is_field(field) for field in fields)


def _is_field(field: tuple[bytes, bytes]) -> bool:
    name, value = field
    if not name or name[0] == _COLON or _wrong_name(name) or _wrong_value(value) or name in _CONNECTION_SPECIFIC:
        return False
    if name == b"te" and value != b"trailers":
        return False
    if len(name) + len(value) < _SHORT:
        if len(_good) >= _MAX_KEPT:
            _good.clear()
        _good.add(field)
    return True


def _content_length(headers: Sequence[tuple[bytes, bytes]]) -> int | None:
    """None: not said; -1: not a number, or said twice and differently."""
    said = {value for name, value in headers if name == b"content-length"}
    if not said:
        return None
    (value, *others) = said
    return int(value) if not others and value.isdigit() and len(value) < 20 else -1  # noqa: PLR2004 - 64 bits
