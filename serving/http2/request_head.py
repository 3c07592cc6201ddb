"""A request's headers, checked: what makes a header list a request.

Source: RFC 9113, sections 8.2 and 8.3.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_PSEUDO = (b":method", b":scheme", b":path", b":authority")
_CONNECTION_SPECIFIC = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
_FIELD_OVERHEAD = 32
_wrong_name = re.compile(rb"[\x00-\x20A-Z\x7f-\xff]").search
_wrong_value = re.compile(rb"[\x00\r\n]").search


class RequestHead:
    """The headers of one request; one object for all requests with the same header block.

    Attributes:
      headers: As received, pseudo headers included.
      size: Names, values and 32 bytes for each.
      well_formed: Whether they make a request.
      content_length: Or None.
      parsed: Whatever the layer above keeps with it.
    """

    __slots__ = ("content_length", "headers", "parsed", "size", "well_formed")

    def __init__(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.headers = headers
        self.size = sum(len(name) + len(value) + _FIELD_OVERHEAD for name, value in headers)
        self.content_length = _content_length(headers)
        self.well_formed = _is_request(headers) and self.content_length != -1
        self.parsed: Any = None


def are_trailers(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the headers may follow a body."""
    return all(not name.startswith(b":") and _is_field(name, value) for name, value in headers)


def _is_request(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    pseudo = [(name, value) for name, value in headers if name.startswith(b":")]
    found = dict(pseudo)
    return (
        list(headers[: len(pseudo)]) == pseudo
        and len(found) == len(pseudo)
        and all(name in _PSEUDO and not _wrong_value(value) for name, value in pseudo)
        and all(_is_field(name, value) for name, value in headers[len(pseudo) :])
        and _has_target(found)
    )


def _has_target(pseudo: dict[bytes, bytes]) -> bool:
    if pseudo.get(b":method") == b"CONNECT":
        return b":authority" in pseudo and b":path" not in pseudo and b":scheme" not in pseudo
    return bool(pseudo.get(b":method") and pseudo.get(b":scheme") and pseudo.get(b":path"))


def _is_field(name: bytes, value: bytes) -> bool:
    if not name or _wrong_name(name) or _wrong_value(value) or name in _CONNECTION_SPECIFIC:
        return False
    return name != b"te" or value == b"trailers"


def _content_length(headers: Sequence[tuple[bytes, bytes]]) -> int | None:
    """None: not said; -1: not a number, or said twice and differently."""
    said = {value for name, value in headers if name == b"content-length"}
    if not said:
        return None
    (value, *others) = said
    return int(value) if not others and value.isdigit() else -1
