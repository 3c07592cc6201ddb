"""HttpTransport: HTTP/1.1 on the running event loop, with one handler above it. Knows no REST.

Source: TF Serving util/net_http/server/internal/evhttp_server.cc at 2.20.0, for what is outside the handler.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TYPE_CHECKING

from serving.byte_budget import ByteBudget
from serving.errors import Unavailable
from serving.rest.http_connection import Connections, HttpConnection
from serving.rest.http_limits import HttpLimits

if TYPE_CHECKING:
    from serving.exchange import HttpHandler

log = logging.getLogger(__name__)
_BACKLOG = 2048
_SWEEP_S = 1.0


class HttpTransport:
    """Listens from `start` on; `stop` lets requests in flight finish."""

    def __init__(
        self,
        handler: HttpHandler,
        limits: HttpLimits | None = None,
        *,
        budget: ByteBudget | None = None,
        reuse_port: bool = False,
    ) -> None:
        self._handler = handler
        self._limits = limits or HttpLimits()
        self._budget = budget or ByteBudget()
        # The one that it listens on.
        self.port = 0
        self._reuse_port = reuse_port
        self._connections: Connections | None = None
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self, host: str | None, port: int) -> None:
        """Opens the port; on every interface, IPv6 included where there is IPv6, if host is None.

        Raises: Unavailable: it is taken.
        """
        await self.serve(listening_socket(host, port, reuse_port=self._reuse_port))
        log.info("Exporting HTTP/REST API at:%s:%d ...", host or "localhost", port)

    async def serve(self, listener: socket.socket) -> None:
        """Takes connections from a socket that listens, instead of `start`."""
        self.port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        connections = self._connections = Connections(self._handler, self._limits, self._budget)
        self._server = await loop.create_server(lambda: HttpConnection(connections), sock=listener, backlog=_BACKLOG)
        self._sweep()

    async def stop(self, grace_s: float) -> None:
        """Closes the port and what is idle; breaks off what is still in flight after `grace_s` seconds."""
        if self._server is None or self._connections is None:
            return
        self._server.close()
        connections = self._connections
        connections.stopping = True
        for connection in list(connections.open):
            connection.shut()
        if connections.open:
            await self._drained(connections, grace_s)
        if self._sweeper:
            self._sweeper.cancel()

    async def _drained(self, connections: Connections, grace_s: float) -> None:
        connections.emptied.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(connections.emptied.wait(), grace_s)
        for connection in list(connections.open):
            connection.abort()

    def _sweep(self) -> None:
        """One timer for all connections: one each would cost more than a request."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._connections.open if self._connections else ()):
            connection.sweep(now)
        self._sweeper = loop.call_later(min(_SWEEP_S, self._limits.linger_s), self._sweep)


def listening_socket(host: str | None, port: int, *, reuse_port: bool) -> socket.socket:
    """On every interface, IPv6 included where there is IPv6, if host is None. Raises Unavailable: it is taken."""
    families = _families(host) if host else [(socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")]  # noqa: S104
    for family, address in families:
        with contextlib.suppress(OSError):
            return _bound(family, address, port, reuse_port=reuse_port)
    raise Unavailable(f"Failed to start HTTP Server at {host or 'localhost'}:{port}")


def _families(host: str) -> list[tuple[socket.AddressFamily, str]]:
    return [(socket.AF_INET6 if ":" in host else socket.AF_INET, host)]


def _bound(family: socket.AddressFamily, address: str, port: int, *, reuse_port: bool) -> socket.socket:
    # The protocol is named so that asyncio sets TCP_NODELAY, without which an answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
        listener.settimeout(0)
    except OSError:
        listener.close()
        raise
    return listener
