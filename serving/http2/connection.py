"""The server's side of one HTTP/2 connection: bytes in, calls of its streams' hooks, bytes out.

It does no input or output.

Source: RFC 9113.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from serving.http2 import frames
from serving.http2.control_frames import GOODBYE, control_frame
from serving.http2.errors import ConnectionFailure, ErrorCode
from serving.http2.flood_guard import FloodGuard
from serving.http2.frames import unpack_frame_header
from serving.http2.header_block import OpenBlock, open_block, unpadded
from serving.http2.header_decoder import HeaderDecoder
from serving.http2.peer_settings import PeerSettings
from serving.http2.request_head import are_trailers
from serving.http2.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.http2.limits import Limits
    from serving.http2.request_head import RequestHead
    from serving.http2.stream import Stream

_MAX_REMEMBERED = 1024
_NOT_PLAIN = frames.END_HEADERS | frames.PADDED | frames.PRIORITIZED
_KEEPALIVE = frames.frame(frames.PING, 0, 0, b"alive?  ")


class StreamMaker(Protocol):
    """Makes a layer's own stream; the arguments are Stream's."""

    def __call__(self, connection: Connection, stream_id: int, receive_left: int, send_left: int, /) -> Stream:
        """One per request."""


class Connection:
    """The state of one connection.

    `receive` takes what came; `sender` has what is to be written, of which `wake` tells.
    Once `is_over`, the connection is to be closed when its output is written.
    """

    def __init__(self, make_stream: StreamMaker, limits: Limits, wake: Callable[[], None]) -> None:
        self.limits = limits
        self.streams: dict[int, Stream] = {}
        self.guard = FloodGuard(limits)
        self.peer = PeerSettings()
        self.sender = Sender(self, wake)
        self.last_stream_id = 0
        self.is_ready = False
        self.is_over = False
        self._make_stream = make_stream
        self._decoder = HeaderDecoder(limits.max_header_list_size, limits.max_header_block)
        self._known_head = self._decoder.known
        self._completed: list[Stream] = []
        self._rest = b""
        self._preface_left = frames.PREFACE
        self._receive_left = max(limits.connection_window, frames.DEFAULT_WINDOW)
        self._receive_half = self._receive_left // 2
        self._data_left = 0
        self._data_stream: Stream | None = None
        self._data_ends = False
        self._block: OpenBlock | None = None
        self._goaway_at: int | None = None
        self._reset_by_us: dict[int, None] = {}
        self._greet()

    @property
    def is_refusing(self) -> bool:
        """Whether new streams are refused."""
        return self.is_over or self._goaway_at not in (None, frames.MAX_WINDOW)

    @property
    def is_inside_frame(self) -> bool:
        """Whether a frame other than DATA, or a header block, has begun and not ended."""
        return self._block is not None or bool(self._rest)

    # What the owner calls.

    def receive(self, data: bytes) -> None:
        """Takes the next bytes; raises nothing that a peer could cause."""
        if self.is_over:
            return
        try:
            self._parse(self._rest + data if self._rest else data)
        except ConnectionFailure as failure:
            self.fail(failure.code, str(failure))
        if self._completed:
            completed, self._completed = self._completed, []
            for stream in completed:
                stream.completed()

    def fail(self, code: ErrorCode, message: str) -> None:
        """Ends the connection with GOAWAY, and all its streams."""
        if not self.is_over:
            self.sender.control(frames.goaway_frame(self.last_stream_id, code, message.encode()))
            self.lost()

    def lost(self) -> None:
        """The peer has gone."""
        self.is_over = True
        streams, self.streams = self.streams, {}
        self._completed.clear()
        for stream in streams.values():
            self.sender.drop(stream)
            stream.closed()

    def finished(self, stream: Stream) -> None:
        """The response is on its way: the stream is over, with or without the rest of the request."""
        self.guard.answered()
        if self.streams.pop(stream.id, None) is not None and not stream.remote_closed:
            self._send_reset(stream.id, ErrorCode.NO_ERROR)
        if self._goaway_at is not None:
            self._end_if_idle()

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        """Takes a stream back; the layer above knows."""
        if self.streams.pop(stream.id, None) is not None:
            self._send_reset(stream.id, code)
            self.sender.drop(stream)
            self._end_if_idle()

    def begin_goodbye(self) -> None:
        """Says that the end is near; requests that are on their way are still taken until the peer has heard of it."""
        if self._goaway_at is None and not self.is_over:
            self._goaway_at = frames.MAX_WINDOW
            self.sender.control(frames.goaway_frame(frames.MAX_WINDOW, ErrorCode.NO_ERROR, b"graceful_stop"))
            self.sender.control(frames.frame(frames.PING, 0, 0, GOODBYE))

    def refuse_new(self) -> None:
        """Takes no more streams; the connection is over with the last one in flight."""
        if not self.is_over and self._goaway_at in (None, frames.MAX_WINDOW):
            self._goaway_at = self.last_stream_id
            self.sender.control(frames.goaway_frame(self.last_stream_id, ErrorCode.NO_ERROR, b"graceful_stop"))
            self._end_if_idle()

    def ask_whether_alive(self) -> None:
        """Sends a PING; whatever comes back is a sign of life."""
        self.sender.control(_KEEPALIVE)

    # Reading frames.

    def _greet(self) -> None:
        limits = self.limits
        settings = {
            frames.MAX_CONCURRENT_STREAMS: limits.max_concurrent_streams,
            frames.INITIAL_WINDOW_SIZE: limits.stream_window,
            frames.MAX_FRAME_SIZE: limits.max_frame_size,
            frames.MAX_HEADER_LIST_SIZE: limits.max_header_list_size,
        }
        self.sender.control(frames.settings_frame(settings))
        if self._receive_left > frames.DEFAULT_WINDOW:
            self.sender.control(frames.window_update_frame(0, self._receive_left - frames.DEFAULT_WINDOW))

    def _parse(self, data: bytes) -> None:
        self._rest = b""
        at, end = 0, len(data)
        if self._preface_left:
            at = self._read_preface(data)
        if self._data_left:
            at = self._continue_data(data, at, end)
        while end - at >= frames.FRAME_HEADER_SIZE:
            high, low, kind, flags, stream_id = unpack_frame_header(data, at)
            start = at + frames.FRAME_HEADER_SIZE
            stop = start + (high << 8 | low)
            if kind == frames.DATA and not flags & frames.PADDED:
                at = self._on_data(data, start, stop, end, flags, stream_id & frames.MAX_WINDOW)
            elif stop > end:
                self._check_size(kind, stop - start)
                break
            else:
                at = stop
                self._on_frame(kind, flags, stream_id & frames.MAX_WINDOW, data[start:stop])
            if self.is_over:
                return
        if at < end:
            self._rest = data[at:]

    def _read_preface(self, data: bytes) -> int:
        wanted = self._preface_left
        size = min(len(wanted), len(data))
        if data[:size] != wanted[:size]:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "this is not the preface of HTTP/2")
        self._preface_left = wanted[size:]
        return size

    def _check_size(self, kind: int, size: int) -> None:
        if size > self.limits.max_frame_size:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {size} bytes")
        of_headers = kind in (frames.HEADERS, frames.CONTINUATION)
        largest = max(frames.DEFAULT_MAX_FRAME_SIZE, self.limits.max_header_block if of_headers else 0)
        if kind != frames.DATA and size > largest:
            # No such frame is of use, and it would have to be held until it is whole.
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {size} bytes that is not DATA")

    def _on_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == frames.HEADERS and flags & _NOT_PLAIN == frames.END_HEADERS and self.is_ready and not self._block:
            head = self._known_head(payload)
            if head is None:
                self._check_size(kind, len(payload))
                head = self._decoder.decode(payload)
            self._on_head(stream_id, head, flags & frames.END_STREAM)
            return
        self._check_size(kind, len(payload))
        self._check_order(kind, flags, stream_id)
        if kind == frames.DATA:
            self._on_padded_data(flags, stream_id, payload)
        elif kind == frames.HEADERS:
            self._on_headers(flags, stream_id, payload)
        elif kind == frames.CONTINUATION:
            self._on_continuation(flags, payload)
        else:
            self.guard.idle_frame()
            handler = control_frame(kind)
            if handler:
                handler(self, flags, stream_id, payload)

    def _check_order(self, kind: int, flags: int, stream_id: int) -> None:
        if not self.is_ready and (kind != frames.SETTINGS or flags & frames.ACK):
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        block = self._block
        if (kind == frames.CONTINUATION) != (block is not None) or (block and block.stream_id != stream_id):
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "a header block is not in one piece")

    # Bodies.

    def _on_data(  # noqa: PLR0917 - the innermost loop; keywords cost
        self, data: bytes, start: int, stop: int, end: int, flags: int, stream_id: int
    ) -> int:
        """Takes the part of a DATA frame that is there; returns where it ends."""
        if self._block or not self.is_ready or stop - start > self.limits.max_frame_size:
            self._check_size(frames.DATA, stop - start)
            self._check_order(frames.DATA, flags, stream_id)
        stream = self._receiving(stream_id, stop - start, flags & frames.END_STREAM)
        if stop > end:
            self._data_left, self._data_stream, self._data_ends = stop - end, stream, bool(flags & frames.END_STREAM)
            stop = end
        if stream is not None:
            if start < stop:
                stream.data_received(data, start, stop)
            if flags & frames.END_STREAM and not self._data_left:
                self._end(stream)
        return stop

    def _continue_data(self, data: bytes, at: int, end: int) -> int:
        stop = min(end, at + self._data_left)
        self._data_left -= stop - at
        stream = self._data_stream
        if stream is not None and stream.id in self.streams:
            if at < stop:
                stream.data_received(data, at, stop)
            if self._data_ends and not self._data_left:
                self._end(stream)
        if not self._data_left:
            self._data_stream = None
        return stop

    def _on_padded_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        start, stop = unpadded(payload, flags)
        stream = self._receiving(stream_id, len(payload), flags & frames.END_STREAM)
        if stream is not None:
            if stream.body_left is not None:
                stream.body_left += len(payload) - (stop - start)
            if start < stop:
                stream.data_received(payload, start, stop)
            if flags & frames.END_STREAM:
                self._end(stream)

    def _receiving(self, stream_id: int, size: int, ends: int) -> Stream | None:
        """Accounts for a DATA frame; returns the stream that it is for, if that still wants it."""
        self._receive_left -= size
        if self._receive_left < self._receive_half:
            self._widen()
        stream = self.streams.get(stream_id)
        if stream is None or stream.remote_closed:
            self._closed_stream(stream_id, "DATA")
            return None
        stream.receive_left -= size
        if not ends:
            if not size:
                self.guard.idle_frame()
            elif not self._widen_stream(stream):
                return None
            else:
                self.guard.idle_frames = 0
        elif stream.receive_left < 0:
            self.stream_error(stream, ErrorCode.FLOW_CONTROL_ERROR)
            return None
        if stream.body_left is not None:
            stream.body_left -= size
        return stream

    def _widen(self) -> None:
        if self._receive_left < 0:
            raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "more data than the window of the connection")
        full = max(self.limits.connection_window, frames.DEFAULT_WINDOW)
        self.sender.control(frames.window_update_frame(0, full - self._receive_left))
        self._receive_left = full

    def _widen_stream(self, stream: Stream) -> bool:
        left, full = stream.receive_left, self.limits.stream_window
        if left < 0:
            self.stream_error(stream, ErrorCode.FLOW_CONTROL_ERROR)
            return False
        if left < full // 2:
            self.sender.control(frames.window_update_frame(stream.id, full - left))
            stream.receive_left = full
        return True

    def _end(self, stream: Stream) -> None:
        if stream.body_left:
            self.stream_error(stream, ErrorCode.PROTOCOL_ERROR)
        elif stream.id in self.streams:
            stream.remote_closed = True
            self._completed.append(stream)

    # Header blocks.

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._block, part = open_block(flags, stream_id, payload)
        self._add_to_block(self._block, flags, part)

    def _on_continuation(self, flags: int, payload: bytes) -> None:
        assert self._block is not None
        self._add_to_block(self._block, flags, payload)

    def _add_to_block(self, block: OpenBlock, flags: int, part: bytes) -> None:
        block.add(part, self.limits)
        if not flags & frames.END_HEADERS:
            return
        self._block = None
        head = self._decoder.decode(b"".join(block.parts))
        self._on_head(block.stream_id, head, block.ends)
        if block.self_dependent and block.stream_id in self.streams:
            self.stream_error(self.streams[block.stream_id], ErrorCode.PROTOCOL_ERROR)

    def _on_head(self, stream_id: int, head: RequestHead, ends: int) -> None:
        if stream_id <= self.last_stream_id:
            self._on_trailers(stream_id, head, ends)
            return
        if not stream_id & 1:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, f"stream {stream_id} is not a client's to open")
        self.last_stream_id = stream_id
        if self._goaway_at is not None and stream_id > self._goaway_at:
            self._remember_reset(stream_id)
        elif len(self.streams) >= self.limits.max_concurrent_streams:
            self.refuse(stream_id, ErrorCode.REFUSED_STREAM)
        elif not head.well_formed or (ends and head.content_length):
            self.refuse(stream_id, ErrorCode.PROTOCOL_ERROR)
        else:
            stream = self._make_stream(self, stream_id, self.limits.stream_window, self.peer.initial_window)
            self.streams[stream_id] = stream
            if head.content_length is not None:
                stream.body_left = head.content_length
            stream.head_received(head)
            if ends:
                self._end(stream)

    def _on_trailers(self, stream_id: int, head: RequestHead, ends: int) -> None:
        stream = self.streams.get(stream_id)
        if stream is None:
            if stream_id not in self._reset_by_us:
                raise ConnectionFailure(ErrorCode.STREAM_CLOSED, f"HEADERS on stream {stream_id}, which is closed")
        elif stream.remote_closed:
            self.stream_error(stream, ErrorCode.STREAM_CLOSED)
        elif not ends or not are_trailers(head.headers):
            self.stream_error(stream, ErrorCode.PROTOCOL_ERROR)
        else:
            self._end(stream)

    # Ends of streams.

    def taken_back(self, stream_id: int) -> None:
        """The client resets a stream."""
        self.check_not_idle(stream_id, "RST_STREAM")
        stream = self.streams.pop(stream_id, None)
        if stream is not None:
            self.sender.drop(stream)
            stream.closed()
            self._forget_completed(stream)
            self.guard.reset(time.monotonic())
            self._end_if_idle()

    def check_not_idle(self, stream_id: int, what: str) -> None:
        """Raises ConnectionFailure for a stream that was never opened."""
        if stream_id > self.last_stream_id or not stream_id & 1:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, f"{what} on stream {stream_id}, which is not open")

    def _closed_stream(self, stream_id: int, what: str) -> None:
        """What comes for a stream that is over is no error if the client could not yet know that."""
        self.check_not_idle(stream_id, what)
        self.guard.idle_frame()
        if stream_id in self.streams:
            self.stream_error(self.streams[stream_id], ErrorCode.STREAM_CLOSED)
        elif stream_id not in self._reset_by_us:
            self.refuse(stream_id, ErrorCode.STREAM_CLOSED)

    def stream_error(self, stream: Stream, code: ErrorCode) -> None:
        """Ends a stream for what the client did."""
        del self.streams[stream.id]
        self.refuse(stream.id, code)
        self.sender.drop(stream)
        stream.closed()
        self._forget_completed(stream)
        self._end_if_idle()

    def _forget_completed(self, stream: Stream) -> None:
        if stream in self._completed:
            self._completed.remove(stream)

    def refuse(self, stream_id: int, code: ErrorCode) -> None:
        """Resets a stream for what the client did, which it may not do for ever (CVE-2025-8671)."""
        self._send_reset(stream_id, code)
        self.guard.reset(time.monotonic())

    def _send_reset(self, stream_id: int, code: ErrorCode) -> None:
        self.sender.control(frames.reset_frame(stream_id, code))
        self._remember_reset(stream_id)

    def _remember_reset(self, stream_id: int) -> None:
        self._reset_by_us[stream_id] = None
        if len(self._reset_by_us) > _MAX_REMEMBERED:
            del self._reset_by_us[next(iter(self._reset_by_us))]

    def _end_if_idle(self) -> None:
        if self.is_refusing and not self.streams:
            self.is_over = True
