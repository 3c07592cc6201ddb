"""Frames as bytes: their numbers, and how to write each.

Source: RFC 9113, sections 4 and 6.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from serving.http2.errors import ErrorCode

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEADER_SIZE = 9
DEFAULT_WINDOW = 65_535
MAX_WINDOW = 2**31 - 1
DEFAULT_MAX_FRAME_SIZE = 16_384

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITIZED = 0x20
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS = 1, 2, 3
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 4, 5, 6

# length (upper 16 of 24 bits), length (lower 8), type, flags, stream
unpack_frame_header = struct.Struct(">HBBBL").unpack_from
# length << 8 | type, flags, stream
pack_frame_header = struct.Struct(">LBL").pack
_pack_frame_and_number = struct.Struct(">LBLL").pack
_SETTING = struct.Struct(">HL")


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """One frame of any type."""
    return pack_frame_header(len(payload) << 8 | kind, flags, stream_id) + payload


def settings_frame(settings: Mapping[int, int]) -> bytes:
    """SETTINGS with these values."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*item) for item in settings.items()))


def read_settings(payload: bytes) -> Iterator[tuple[int, int]]:
    """Each (number, value) of a SETTINGS payload, whose length is a multiple of 6."""
    return (pair[:2] for pair in _SETTING.iter_unpack(payload))


SETTINGS_ACK = frame(SETTINGS, ACK, 0)


def window_update_frame(stream_id: int, increment: int) -> bytes:
    """WINDOW_UPDATE; stream 0 is the connection."""
    return _pack_frame_and_number(4 << 8 | WINDOW_UPDATE, 0, stream_id, increment)


def reset_frame(stream_id: int, code: ErrorCode) -> bytes:
    """RST_STREAM."""
    return _pack_frame_and_number(4 << 8 | RST_STREAM, 0, stream_id, code)


def goaway_frame(last_stream_id: int, code: ErrorCode, debug: bytes = b"") -> bytes:
    """GOAWAY; debug is text for people."""
    return frame(GOAWAY, 0, 0, struct.pack(">LL", last_stream_id, code) + debug)


def header_frames(stream_id: int, block: bytes, flags: int, max_size: int) -> bytes:
    """HEADERS, and CONTINUATION frames if the block is larger than a frame may be."""
    if len(block) <= max_size:
        return pack_frame_header(len(block) << 8 | HEADERS, flags | END_HEADERS, stream_id) + block
    parts = [block[at : at + max_size] for at in range(0, len(block), max_size)]
    written = [frame(HEADERS, flags, stream_id, parts[0])]
    written += [frame(CONTINUATION, 0, stream_id, part) for part in parts[1:-1]]
    written.append(frame(CONTINUATION, END_HEADERS, stream_id, parts[-1]))
    return b"".join(written)
