"""FrameWriter: frames onto a stream, all of one turn of the event loop in one write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving.relay.relay_protocol import NEVER, Kind, frame_header

if TYPE_CHECKING:
    import asyncio

# Beyond this a body is not copied to stand in one piece with the others.
_MAX_JOINED_BYTES = 64 << 10
# Written and not taken by the other end; beyond it that end is told to wait.
MAX_UNSENT_BYTES = 4 << 20


class FrameWriter:
    """On the event loop's thread. What is sent after the stream's end is dropped."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.WriteTransport) -> None:
        self._loop = loop
        self._transport = transport
        self._parts: list[bytes] = []
        self._chunks: list[bytes] = []
        transport.set_write_buffer_limits(MAX_UNSENT_BYTES)

    def send(
        self, kind: Kind, call: int = 0, *, code: int = 0, seconds: float = NEVER, head: bytes = b"", body: bytes = b""
    ) -> None:
        """See Kind."""
        if not (self._parts or self._chunks):
            self._loop.call_soon(self.flush)
        size = len(body)
        header = frame_header(kind, call, code=code, seconds=seconds, head_size=len(head), body_size=size)
        self._parts += (header, head)
        if size <= _MAX_JOINED_BYTES:
            self._parts.append(body)
        else:
            self._chunks += (b"".join(self._parts), body)
            self._parts = []

    def flush(self) -> None:
        """Writes what there is, now."""
        parts, chunks = self._parts, self._chunks
        self._parts, self._chunks = [], []
        if self._transport.is_closing():
            return
        if parts:
            chunks.append(b"".join(parts))
        for chunk in chunks:
            self._transport.write(chunk)
