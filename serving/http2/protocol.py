"""One connection on an event loop: reads into it, writes what it has to say, once per turn of the loop."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, cast

from serving.http2.connection import Connection
from serving.http2.errors import ErrorCode
from serving.http2.slow_bodies import SlowBodies

if TYPE_CHECKING:
    from serving.http2.sender import Sender
    from serving.http2.server import Http2Server

# So much of large bodies is copied into one write.
_WRITE_SIZE = 1 << 18
# A peer that reads nothing while acknowledgements and resets for it pile up is cut off here.
_MAX_UNREAD = 1 << 22


class Http2Protocol(asyncio.Protocol):
    """What asyncio calls.

    Attributes:
      connection: The protocol's state.
      made_at: When it was opened, on time.monotonic()'s clock.
      heard_at: When anything last came.
      asked_at: When a PING was sent that nothing followed, or None.
    """

    def __init__(self, server: Http2Server) -> None:
        self.made_at = self.heard_at = time.monotonic()
        self.asked_at: float | None = None
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._is_awake = True
        self._received = 0
        self._slow_bodies = SlowBodies(server.limits, self.made_at)
        self.connection = Connection(server.make_stream, server.limits, self._wake)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets; with TLS only if HTTP/2 was agreed on."""
        self._transport = cast("asyncio.Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._transport.abort()
            return
        # Every write goes out at once, and a full socket is known at once: the turn's writes are one already.
        # TLS layers compare with `>=`, so 0 would stand for "always full".
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._server.connections.add(self)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Takes in all of it before anything is answered."""
        self.asked_at = None
        self.heard_at = self._server.now()
        self._received += len(data)
        self._is_awake = True
        self.connection.receive(data)
        self.flush()
        if self.connection.is_refusing:
            self._server.changed.set()

    def flush(self) -> None:
        """Writes what there is."""
        self._is_awake = False
        transport, connection = self._transport, self.connection
        if transport is None:
            return
        sender = connection.sender
        if sender.has_bodies:
            self._write_bodies(transport, sender)
        elif sender.output:
            transport.write(b"".join(sender.output))
            sender.output.clear()
        if connection.is_over:
            transport.close()
        elif sender.paused and transport.get_write_buffer_size() > _MAX_UNREAD:
            transport.abort()

    def _write_bodies(self, transport: asyncio.Transport, sender: Sender) -> None:
        """As much as the socket takes at once; the loop tells late that it is full (`pause_writing`)."""
        while not transport.get_write_buffer_size():
            sender.fill(_WRITE_SIZE)
            if not sender.output:
                return
            transport.write(b"".join(sender.output))
            sender.output.clear()
        if not sender.paused:
            self._wake()

    def pause_writing(self) -> None:
        """The peer reads slower than it asks: large bodies wait."""
        self.connection.sender.paused = True

    def resume_writing(self) -> None:
        """There is room again."""
        self.connection.sender.paused = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tells every request in flight."""
        self._transport = None
        self._server.connections.discard(self)
        self._server.changed.set()
        self.connection.lost()

    def abort(self) -> None:
        """Closes without a word."""
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float) -> None:
        """Ends what is dead: no preface in time, a request that does not come on, or silence after a PING."""
        limits, connection = self._server.limits, self.connection
        self._slow_bodies.check(connection, self._received, now)
        silent = now - self.heard_at
        if not connection.is_ready:
            if now - self.made_at > limits.preface_timeout_s:
                connection.fail(ErrorCode.SETTINGS_TIMEOUT, "no preface in time")
        elif self.asked_at is not None:
            if now - self.asked_at > limits.keepalive_timeout_s:
                self.abort()
        elif silent > limits.keepalive_time_s:
            self.asked_at = now
            connection.ask_whether_alive()

    def _wake(self) -> None:
        if not self._is_awake:
            self._is_awake = True
            self._server.flush_soon(self)
