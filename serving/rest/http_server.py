"""RestServer: uvicorn around the REST application, on a loop that is already running."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TYPE_CHECKING

import uvicorn

from serving.errors import Unavailable

if TYPE_CHECKING:
    from serving.rest.http_rest_api_handler import RestApi

log = logging.getLogger(__name__)
_BACKLOG = 2048
# libevent's; a client's pooled connection must not be closed under its next request after uvicorn's 5 seconds.
_KEEP_ALIVE_S = 50


class RestServer:
    """Listens from `start` on; `stop` lets requests in flight finish."""

    def __init__(self, api: RestApi) -> None:
        config = uvicorn.Config(
            api,
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",
            timeout_keep_alive=_KEEP_ALIVE_S,
            access_log=False,
            server_header=False,
        )
        self._server = _Uvicorn(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self, host: str | None, port: int) -> None:
        """Opens the port. Raises Unavailable when it is taken."""
        listener = _listen(host, port)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        log.info("Exporting HTTP/REST API at:%s:%d ...", host or "localhost", port)

    async def stop(self, grace_s: float) -> None:
        """Closes the port; waits at most `grace_s` seconds for what is in flight."""
        self._server.config.timeout_graceful_shutdown = max(1, round(grace_s))
        self._server.should_exit = True
        if self._task:
            await self._task


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a generator, typed by its base
        """Leaves the signals to the process's own handlers."""
        yield


def _listen(host: str | None, port: int) -> socket.socket:
    """A listening socket; on every interface, IPv6 included where there is IPv6."""
    families = [(socket.AF_INET, host)] if host else [(socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")]  # noqa: S104
    for family, address in families:
        with contextlib.suppress(OSError):
            return _bound(family, address, port)
    raise Unavailable(f"Failed to start HTTP Server at {host or 'localhost'}:{port}")


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    # The protocol is named so that asyncio sets TCP_NODELAY, without which an answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
        listener.settimeout(0)
    except OSError:
        listener.close()
        raise
    return listener
