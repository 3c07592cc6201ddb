"""Statuses on the wire: `grpc-status`, `grpc-message`, and the metadata of an answer.

Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from serving.http2.header_encoder import encode_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.errors import Code
    from serving.exchange import Headers

_MAX_MESSAGE_BYTES = 1024
_BINARY = b"-bin"
_PERCENT = ord("%")
_ENCODED = [
    bytes([byte]) if 0x20 <= byte < 0x7F and byte != _PERCENT else b"%%%02X" % byte  # noqa: PLR2004 - printable ASCII
    for byte in range(256)
]
RESPONSE_HEADERS = (
    (b":status", b"200"),
    (b"content-type", b"application/grpc"),
    (b"grpc-accept-encoding", b"identity, deflate, gzip"),
)


def cut_message(message: str) -> bytes:
    """A message as UTF-8, cut if it is long.

    Source: TF Serving model_servers/grpc_status_util.cc at 2.20.0.
    """
    raw = message.encode("utf-8", "replace")
    return raw if len(raw) <= _MAX_MESSAGE_BYTES else raw[:_MAX_MESSAGE_BYTES] + b"...TRUNCATED"


def percent_encoded(raw: bytes) -> bytes:
    """Bytes as `grpc-message` carries them."""
    return b"".join(map(_ENCODED.__getitem__, raw))


def trailers(code: Code, message: str, metadata: Headers) -> list[tuple[bytes, bytes]]:
    """The trailers of an answer; a message that is empty is left out."""
    fields = [(b"grpc-status", b"%d" % code)]
    if message:
        fields.append((b"grpc-message", percent_encoded(cut_message(message))))
    return fields + [(name, _encoded(name, value)) for name, value in metadata]


def status_block(code: Code, message: str, metadata: Headers, *, headers: bool) -> bytes:
    """The header block of these trailers; with `headers`, of an answer that has nothing else ("Trailers-Only")."""
    return encode_headers([*(RESPONSE_HEADERS if headers else ()), *trailers(code, message, metadata)])


def decoded_metadata(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    """A request's headers as metadata: without pseudo headers, values of `-bin` names from base64.

    Raises ValueError for a value that is no base64.
    """
    fields = [field for field in headers if field[0][:1] != b":"]
    if not any(name.endswith(_BINARY) for name, _ in fields):
        return tuple(fields)
    return tuple(pair for name, value in fields for pair in _decoded(name, value))


def _encoded(name: bytes, value: bytes) -> bytes:
    return base64.b64encode(value).rstrip(b"=") if name.endswith(_BINARY) else value


def _decoded(name: bytes, value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """One field, or several that a client joined by commas."""
    if not name.endswith(_BINARY):
        yield name, value
        return
    for part in value.split(b","):
        yield name, base64.b64decode(part.strip() + b"=" * (-len(part.strip()) % 4), validate=True)
