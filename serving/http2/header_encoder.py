"""Response headers to a header block that needs no state: every field a literal that is never put into a table.

The same headers are the same bytes on every connection, so callers keep them.
Source: RFC 7541, section 6.2.2 and appendix A.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpack.hpack import encode_integer
from hpack.table import HeaderTable

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN_LENGTH_BITS = 7
_NAME_INDEX_BITS = 4


def encode_headers(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The block of these headers, in this order; names are in lower case."""
    return b"".join(_field(name, value) for name, value in headers)


def _field(name: bytes, value: bytes) -> bytes:
    found = HeaderTable.STATIC_TABLE_MAPPING.get(name)
    if found is None:
        return b"\x00" + _string(name) + _string(value)
    whole = found[1].get(value)
    if whole is not None:
        return bytes([0x80 | whole])
    return bytes(encode_integer(found[0], _NAME_INDEX_BITS)) + _string(value)


def _string(text: bytes) -> bytes:
    return bytes(encode_integer(len(text), _PLAIN_LENGTH_BITS)) + text
