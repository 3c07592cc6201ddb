"""Listens, and looks after all connections together."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.http2.protocol import Http2Protocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from serving.http2.connection import StreamMaker
    from serving.http2.limits import Limits

_BACKLOG = 4096
_CHECK_INTERVAL_S = 1.0
# How long a client may take to hear of the end before streams are refused.
_GOODBYE_S = 1.0


class Http2Server:
    """All connections of a port and of a unix socket; on one event loop.

    Attributes:
      connections: Those that are open.
      port: The one listened on, or 0.
      changed: Set when a connection ends or begins to refuse streams.
    """

    def __init__(self, make_stream: StreamMaker, limits: Limits, ssl_context: ssl.SSLContext | None = None) -> None:
        self.make_stream = make_stream
        self.limits = limits
        self.connections: set[Http2Protocol] = set()
        self.port = 0
        self.now = time.monotonic
        self.changed = asyncio.Event()
        self._ssl = ssl_context
        self._unix_path: str | None = None
        self._listeners: list[asyncio.Server] = []
        self._to_flush: list[Http2Protocol] = []
        self._is_held = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._check_handle: asyncio.TimerHandle | None = None

    async def listen(self, host: str | None, port: int, *, reuse_port: bool = False) -> None:
        """Opens a TCP port: every address of both families without a host. Raises OSError."""
        loop = self._begin()
        listening = tcp_socket(host, port, reuse_port=reuse_port)
        self.port = listening.getsockname()[1]
        server = await loop.create_server(self._protocol, sock=listening, backlog=_BACKLOG, **self._tls())
        self._listeners.append(server)

    async def listen_unix(self, path: str) -> None:
        """Opens a unix socket; a socket left there by another process is replaced. Raises OSError."""
        server = await self._begin().create_unix_server(self._protocol, path, backlog=_BACKLOG, **self._tls())
        self._listeners.append(server)
        self._unix_path = path

    async def serve(self, listening: socket.socket) -> None:
        """Takes connections from a socket that is bound, of TCP or unix."""
        loop = self._begin()
        if listening.family == socket.AF_UNIX:
            server = await loop.create_unix_server(self._protocol, sock=listening, backlog=_BACKLOG, **self._tls())
        else:
            self.port = listening.getsockname()[1]
            server = await loop.create_server(self._protocol, sock=listening, backlog=_BACKLOG, **self._tls())
        self._listeners.append(server)

    async def stop(self, grace_s: float) -> None:
        """Takes no new connections, then no new streams, then waits at most `grace_s` seconds for those in flight."""
        end = time.monotonic() + grace_s
        for listener in self._listeners:
            listener.close()
        await self._goodbye(min(grace_s, _GOODBYE_S))
        for protocol in self.connections:
            protocol.connection.refuse_new()
        await self._wait_until(lambda: not self.connections, end - time.monotonic())
        for protocol in list(self.connections):
            protocol.abort()
        if self._check_handle:
            self._check_handle.cancel()
        self._remove_socket()

    def flush_soon(self, protocol: Http2Protocol) -> None:
        """Writes what a connection has to say at the end of this turn of the loop."""
        if not self._to_flush and not self._is_held and self._loop is not None:
            self._loop.call_soon(self.flush)
        self._to_flush.append(protocol)

    def hold(self) -> None:
        """Has what connections have to say from now on wait for `flush`, which must follow in this turn of the loop."""
        self._is_held = True

    def flush(self) -> None:
        """Writes what all connections have to say, now."""
        self._is_held = False
        waiting, self._to_flush = self._to_flush, []
        for protocol in waiting:
            protocol.flush()

    def _remove_socket(self) -> None:
        if self._unix_path is not None:
            Path(self._unix_path).unlink(missing_ok=True)
            self._unix_path = None

    def _tls(self) -> dict[str, Any]:
        if self._ssl is None:
            return {}
        return {"ssl": self._ssl, "ssl_handshake_timeout": self.limits.preface_timeout_s}

    def _begin(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._check()
        return self._loop

    def _protocol(self) -> Http2Protocol:
        return Http2Protocol(self)

    def _check(self) -> None:
        now = time.monotonic()
        for protocol in list(self.connections):
            protocol.check(now)
        assert self._loop is not None
        self._check_handle = self._loop.call_later(min(_CHECK_INTERVAL_S, self.limits.body_s / 2), self._check)

    async def _goodbye(self, timeout_s: float) -> None:
        for protocol in self.connections:
            protocol.connection.begin_goodbye()
        await self._wait_until(lambda: all(each.connection.is_refusing for each in self.connections), timeout_s)

    async def _wait_until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """`changed` is told of whatever may make the condition true."""
        end = time.monotonic() + timeout_s
        while not condition() and (left := end - time.monotonic()) > 0:
            self.changed.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.changed.wait(), left)


def tcp_socket(host: str | None, port: int, *, reuse_port: bool) -> socket.socket:
    """Bound and not listening yet; to every address of both families without a host. Raises OSError."""
    if host is None and socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            return _bound(socket.AF_INET6, ("::", port), reuse_port=reuse_port)
    family, _, _, _, address = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)[0]  # noqa: S104
    return _bound(family, address, reuse_port=reuse_port)


def _bound(family: int, address: tuple[Any, ...], *, reuse_port: bool) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    return listening
