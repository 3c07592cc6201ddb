"""A request's body as its Content-Encoding has it. Pure.

Source: TF Serving util/net_http/server/internal/evhttp_request.cc at 2.20.0.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.exchange import Headers

MAX_UNPACKED_BYTES = 100 << 20


def is_packed(headers: Headers) -> bool:
    """Whether a body is to be unpacked."""
    return any(name == b"content-encoding" and b"gzip" in value for name, value in headers)


def gunzip(body: bytes) -> bytes:
    """The body unpacked; nothing if it cannot be, or is larger than upstream takes."""
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(body, MAX_UNPACKED_BYTES + 1)
    except zlib.error:
        return b""
    return unpacked if unpacker.eof and len(unpacked) <= MAX_UNPACKED_BYTES else b""
