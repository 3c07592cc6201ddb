"""What passes between a transport process and the main process: frames of a fixed header, a head and a body.

Both ends are the same version on the same machine, so there is no negotiation; what does not fit is an error.
"""

from __future__ import annotations

import math
from enum import IntEnum
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is an exception's name
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serving.exchange import Headers

# Bytes of all headers of a request or answer; the transports take less.
MAX_HEAD_BYTES = 16 << 20
MAX_BODY_BYTES = 1 << 36
NEVER = math.inf

# Magic, kind, code, bytes of the head, number of the call, bytes of the body, seconds left.
_HEADER = Struct("<HBHIQQd")
_MAGIC = 0x5357
_SIZE = _HEADER.size
_COUNT = Struct("<I")
_pack, _unpack = _HEADER.pack, _HEADER.unpack_from


class Kind(IntEnum):
    """What a frame is. `code` is a canonical code or an HTTP status; what is not named is 0 or empty.

    * SETTINGS   down  body: JSON for the transport process
    * LISTENING  up    connections are taken from now on
    * RPC        up    head: path, metadata; body: message; seconds: to the deadline
    * HTTP       up    head: method, target, headers; body
    * CANCEL     up    nobody waits for this call any more
    * REPLY      down  head: trailing metadata; body: message
    * FAILURE    down  code; head: trailing metadata; body: the status message
    * RESPONSE   down  code; head: headers; body
    * DRAIN      down  seconds: for what is in flight; then the transport process ends
    """

    SETTINGS = 1
    LISTENING = 2
    RPC = 3
    HTTP = 4
    CANCEL = 5
    REPLY = 6
    FAILURE = 7
    RESPONSE = 8
    DRAIN = 9


class Frame(NamedTuple):
    """One frame; see Kind."""

    kind: int
    call: int
    code: int
    seconds: float
    head: bytes
    body: bytes


class RelayError(Exception):
    """The other end does not speak this protocol, or ended within a frame."""


def frame_header(
    kind: Kind, call: int = 0, *, code: int = 0, seconds: float = NEVER, head_size: int = 0, body_size: int = 0
) -> bytes:
    """The fixed part; head and body follow it."""
    return _pack(_MAGIC, kind, code, head_size, call, body_size, seconds)


def pack_strings(strings: Sequence[bytes]) -> bytes:
    """Byte strings as one, to be read by unpack_strings."""
    sizes = Struct(f"<I{len(strings)}I").pack(len(strings), *map(len, strings))
    return sizes + b"".join(strings)


def unpack_strings(packed: bytes) -> list[bytes]:
    """The strings again. Raises RelayError for what pack_strings cannot have written."""
    try:
        (count,) = _COUNT.unpack_from(packed)
        if count > len(packed) // _COUNT.size:
            raise RelayError(f"{count} strings do not fit into {len(packed)} bytes")
        sizes = Struct(f"<{count}I").unpack_from(packed, _COUNT.size)
    except StructError as error:
        raise RelayError(f"A head of {len(packed)} bytes is no list of strings: {error}") from None
    at = _COUNT.size * (1 + count)
    if at + sum(sizes) != len(packed):
        raise RelayError(f"Strings of {sum(sizes)} bytes are not those of a head of {len(packed)} bytes")
    strings = []
    for size in sizes:
        strings.append(packed[at : at + size])
        at += size
    return strings


def pack_headers(headers: Headers, *before: bytes) -> bytes:
    """Header pairs, and strings that come before them."""
    return pack_strings([*before, *(part for pair in headers for part in pair)]) if headers or before else b""


def unpack_headers(packed: bytes, before: int = 0) -> tuple[list[bytes], tuple[tuple[bytes, bytes], ...]]:
    """The strings that came before, and the pairs. Raises RelayError."""
    strings = unpack_strings(packed) if packed else []
    pairs = strings[before:]
    if len(strings) < before or len(pairs) % 2:
        raise RelayError(f"{len(strings)} strings are not {before} and then pairs")
    return strings[:before], tuple(zip(pairs[::2], pairs[1::2], strict=True))


class FrameReader:
    """Bytes in pieces to frames. A body that comes in several pieces is copied once."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun: Frame | None = None
        self._parts: list[bytes] = []
        self._missing = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete. Raises RelayError, after which the reader is of no more use."""
        frames: list[Frame] = []
        at = self._continue_body(data, frames) if self._begun else 0
        if self._rest:
            data, self._rest = self._rest + data, b""
        end = len(data)
        while end - at >= _SIZE:
            magic, kind, code, head_size, call, body_size, seconds = _unpack(data, at)
            body_at = at + _SIZE + head_size
            if magic != _MAGIC or head_size > MAX_HEAD_BYTES or body_size > MAX_BODY_BYTES or seconds != seconds:  # noqa: PLR0124 - NaN
                raise RelayError(f"{data[at : at + _SIZE]!r} is no frame's header")
            if body_at > end:
                break
            frame = Frame(kind, call, code, seconds, data[at + _SIZE : body_at], data[body_at : body_at + body_size])
            at = body_at + body_size
            if at > end:
                self._begin_body(frame, at - end)
                return frames
            frames.append(frame)
        self._rest = data[at:]
        return frames

    def finish(self) -> None:
        """No more comes. Raises RelayError within a frame."""
        if self._rest or self._begun:
            raise RelayError(f"The end came within a frame: {len(self._rest)} bytes of it, {self._missing} missing")

    def _begin_body(self, frame: Frame, missing: int) -> None:
        self._begun, self._parts, self._missing = frame, [frame.body], missing

    def _continue_body(self, data: bytes, frames: list[Frame]) -> int:
        """Takes what belongs to the body begun; returns where that ends."""
        used = min(self._missing, len(data))
        self._parts.append(data[:used])
        self._missing -= used
        if not self._missing and self._begun:
            frames.append(self._begun._replace(body=b"".join(self._parts)))
            self._begun, self._parts = None, []
        return used
