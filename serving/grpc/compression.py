"""Compressed request messages.

Source: https://github.com/grpc/grpc/blob/master/doc/compression.md
"""

from __future__ import annotations

import zlib

from serving.errors import Code, Internal, ServingError

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
ENCODINGS = {b"gzip", b"deflate"}
IDENTITY = b"identity"


def decompress(message: bytes, max_bytes: int) -> bytes:
    """The message. Raises RESOURCE_EXHAUSTED when it would be larger than `max_bytes`, INTERNAL when it is damaged."""
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        plain = unpacker.decompress(message, max_bytes + 1)
    except zlib.error as error:
        raise Internal(f"Failed to decompress the message: {error}") from None
    if len(plain) > max_bytes:
        raise ServingError(
            f"SERVER: Received message larger than max ({len(plain)} vs. {max_bytes})", Code.RESOURCE_EXHAUSTED
        )
    if not unpacker.eof:
        raise Internal("Failed to decompress the message: it ends too early")
    return plain
