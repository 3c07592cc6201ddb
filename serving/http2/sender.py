"""The outgoing half of a connection: what may be written now, and what flow control or a slow reader holds back.

Source: RFC 9113, section 5.2.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from serving.http2 import frames
from serving.http2.errors import ConnectionFailure, ErrorCode
from serving.http2.frames import pack_frame_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.http2.connection import Connection
    from serving.http2.stream import Stream

_HEADERS_FLAGS = frames.END_HEADERS
_TRAILERS_FLAGS = frames.END_HEADERS | frames.END_STREAM


class Sender:
    """Output of one connection.

    Attributes:
      output: What is to be written, in order; whoever writes it clears it.
      paused: Whether the writer wants no more bodies now.
    """

    def __init__(self, connection: Connection, wake: Callable[[], None]) -> None:
        self.output: list[bytes | memoryview] = []
        self.paused = False
        self._connection = connection
        self._peer = connection.peer
        self._wake = wake
        self._window_left = frames.DEFAULT_WINDOW
        self._waiting: deque[Stream] = deque()

    def control(self, frame: bytes) -> None:
        """Sends a frame that no window holds back."""
        if not self.output:
            self._wake()
        self.output.append(frame)

    def respond(self, stream: Stream, head: bytes, body: tuple[bytes, ...], size: int, trailers: bytes) -> bool:
        """Sends a whole response of header blocks and `size` bytes of body; trailers may be empty.

        Returns whether all of it is in `output`; else `stream.sent` will be called when it is.
        """
        most = self._peer.max_frame_size
        if (
            size > most
            or size > stream.send_left
            or size > self._window_left
            or self.paused
            or self._waiting
            or len(head) > most
            or not 0 < len(trailers) <= most
        ):
            self._respond_in_parts(stream, head, body, size, trailers)
            return False
        output = self.output
        if not output:
            self._wake()
        self._window_left -= size
        number = stream.id
        output += (
            pack_frame_header(len(head) << 8 | frames.HEADERS, _HEADERS_FLAGS, number),
            head,
            pack_frame_header(size << 8, 0, number),
            *body,
            pack_frame_header(len(trailers) << 8 | frames.HEADERS, _TRAILERS_FLAGS, number),
            trailers,
        )
        self._connection.finished(stream)
        return True

    def respond_without_body(self, stream: Stream, head: bytes) -> None:
        """Sends a response of headers only."""
        self.control(frames.header_frames(stream.id, head, frames.END_STREAM, self._peer.max_frame_size))
        self._connection.finished(stream)

    @property
    def has_bodies(self) -> bool:
        """Whether bodies wait."""
        return bool(self._waiting)

    def fill(self, limit: int) -> None:
        """Moves about `limit` bytes of the bodies that wait to `output`, in turns."""
        while self._waiting and limit > 0 and self._window_left > 0 and not self.paused:
            limit -= self._next_piece(self._waiting.popleft())

    def widen(self, increment: int) -> None:
        """The connection's window grew."""
        self._window_left += increment
        if self._window_left > frames.MAX_WINDOW:
            raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window above 2^31-1")
        self._wake()

    def widen_stream(self, stream: Stream, increment: int) -> bool:
        """A stream's window grew, or shrank by settings; returns False if it is now larger than may be."""
        was_shut = stream.send_left <= 0
        stream.send_left += increment
        if was_shut and stream.send_left > 0 and stream.unsent:
            self._waiting.append(stream)
            self._wake()
        return stream.send_left <= frames.MAX_WINDOW

    def drop(self, stream: Stream) -> None:
        """The stream is over: what waits of it is not sent."""
        if stream.unsent is not None:
            stream.unsent = None
            if stream in self._waiting:
                self._waiting.remove(stream)

    def _respond_in_parts(
        self, stream: Stream, head: bytes, body: tuple[bytes, ...], size: int, trailers: bytes
    ) -> None:
        self.control(frames.header_frames(stream.id, head, 0, self._peer.max_frame_size))
        stream.unsent = [memoryview(part) for part in body if part]
        stream.unsent_size = size
        stream.trailers = trailers
        if stream.send_left > 0 or not size:
            self._waiting.append(stream)
            self._wake()

    def _next_piece(self, stream: Stream) -> int:
        size = max(0, min(stream.unsent_size, stream.send_left, self._window_left, self._peer.max_frame_size))
        if size:
            self._connection.guard.answered()
            is_last = size == stream.unsent_size and not stream.trailers
            self.output.append(pack_frame_header(size << 8, frames.END_STREAM if is_last else 0, stream.id))
            self._take(stream, size)
            stream.unsent_size -= size
            stream.send_left -= size
            self._window_left -= size
        if not stream.unsent_size:
            self._finish(stream)
        elif stream.send_left > 0:
            self._waiting.append(stream)
        return size

    def _take(self, stream: Stream, size: int) -> None:
        unsent = stream.unsent
        assert unsent is not None
        while size:
            part = unsent[0][:size]
            self.output.append(part)
            size -= len(part)
            unsent[0] = unsent[0][len(part) :]
            if not unsent[0]:
                del unsent[0]

    def _finish(self, stream: Stream) -> None:
        if stream.trailers:
            most = self._peer.max_frame_size
            self.output.append(frames.header_frames(stream.id, stream.trailers, frames.END_STREAM, most))
        stream.unsent = None
        self._connection.finished(stream)
        stream.sent()
