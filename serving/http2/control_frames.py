"""What a client's frames do that carry no part of a request: each frame's rules, and its effect on the connection.

Source: RFC 9113, sections 6.3 to 6.9.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from serving.http2 import frames
from serving.http2.errors import ConnectionFailure, ErrorCode
from serving.http2.header_block import PRIORITY_SIZE, depends_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.http2.connection import Connection

# What the PING that follows a first GOAWAY carries.
GOODBYE = b"goodbye?"
_PING_SIZE = 8
_NUMBER_SIZE = 4
_GOAWAY_SIZE = 8


def _on_priority(connection: Connection, _flags: int, stream_id: int, payload: bytes) -> None:
    if not stream_id:
        raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "PRIORITY without a stream")
    if len(payload) != PRIORITY_SIZE:
        connection.refuse(stream_id, ErrorCode.FRAME_SIZE_ERROR)
    elif depends_on(payload, 0) == stream_id:
        connection.refuse(stream_id, ErrorCode.PROTOCOL_ERROR)


def _on_reset(connection: Connection, _flags: int, stream_id: int, payload: bytes) -> None:
    if len(payload) != _NUMBER_SIZE:
        raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM has 4 bytes")
    connection.taken_back(stream_id)


def _on_settings(connection: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    if stream_id:
        raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream")
    if flags & frames.ACK:
        if payload:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS is empty")
        return
    increment = connection.peer.apply(payload)
    connection.is_ready = True
    connection.sender.control(frames.SETTINGS_ACK)
    for stream in connection.streams.values() if increment else ():
        if not connection.sender.widen_stream(stream, increment):
            raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS make a window above 2^31-1")


def _on_push_promise(_connection: Connection, _flags: int, _stream_id: int, _payload: bytes) -> None:
    raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE of a client")


def _on_ping(connection: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    if stream_id:
        raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "PING on a stream")
    if len(payload) != _PING_SIZE:
        raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "PING has 8 bytes")
    if not flags & frames.ACK:
        connection.sender.control(frames.frame(frames.PING, frames.ACK, 0, payload))
        connection.guard.ping(time.monotonic(), idle=not connection.streams)
    elif payload == GOODBYE:
        connection.refuse_new()


def _on_goaway(_connection: Connection, _flags: int, stream_id: int, payload: bytes) -> None:
    if stream_id:
        raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream")
    if len(payload) < _GOAWAY_SIZE:
        raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY has at least 8 bytes")


def _on_window_update(connection: Connection, _flags: int, stream_id: int, payload: bytes) -> None:
    if len(payload) != _NUMBER_SIZE:
        raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE has 4 bytes")
    increment = int.from_bytes(payload, "big") & frames.MAX_WINDOW
    if not stream_id:
        if not increment:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
        connection.sender.widen(increment)
        return
    connection.check_not_idle(stream_id, "WINDOW_UPDATE")
    stream = connection.streams.get(stream_id)
    if stream is None:
        return
    if not increment:
        connection.stream_error(stream, ErrorCode.PROTOCOL_ERROR)
    elif not connection.sender.widen_stream(stream, increment):
        connection.stream_error(stream, ErrorCode.FLOW_CONTROL_ERROR)


_CONTROL: dict[int, Callable[[Connection, int, int, bytes], None]] = {
    frames.PRIORITY: _on_priority,
    frames.RST_STREAM: _on_reset,
    frames.SETTINGS: _on_settings,
    frames.PUSH_PROMISE: _on_push_promise,
    frames.PING: _on_ping,
    frames.GOAWAY: _on_goaway,
    frames.WINDOW_UPDATE: _on_window_update,
}
# From a frame's type to what takes (connection, flags, stream, payload) and raises ConnectionFailure; None: not known.
control_frame = _CONTROL.get
