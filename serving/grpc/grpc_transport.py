"""gRPC for unary calls on this project's own HTTP/2: no thread, no task and no timer per call."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from serving.byte_budget import ByteBudget
from serving.errors import InvalidArgument
from serving.grpc.call_services import CallServices
from serving.grpc.channel_arguments import TransportArguments
from serving.grpc.grpc_call import GrpcCall
from serving.http2.server import Http2Server

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterable

    from serving.exchange import RpcLookup

log = logging.getLogger(__name__)


class GrpcTransport:
    """Unary gRPC on a port and a unix socket; on the event loop that starts it.

    Args:
      lookup: From a method's path to what answers it.
      budget: Of all requests in flight and all answers that wait for their readers together; beyond it requests are
        refused with RESOURCE_EXHAUSTED. A compressed message is briefly there twice.
      ssl_context: With ALPN h2 (serving/config/ssl_config.py); None: no TLS.
      arguments: What else it was told.
    """

    def __init__(
        self,
        lookup: RpcLookup,
        *,
        budget: ByteBudget | None = None,
        ssl_context: ssl.SSLContext | None = None,
        arguments: TransportArguments | None = None,
    ) -> None:
        arguments = arguments or TransportArguments()
        limits = arguments.limits
        self._services = CallServices(
            lookup,
            max_message_bytes=arguments.max_message_bytes,
            max_answer_bytes=arguments.max_answer_bytes,
            budget=budget or ByteBudget(),
            max_header_list_size=limits.max_header_list_size,
        )
        self._reuse_port = arguments.reuse_port
        self._server = Http2Server(partial(GrpcCall, self._services), limits, ssl_context)

    @property
    def port(self) -> int:
        """The TCP port listened on, or 0."""
        return self._server.port

    async def start(self, host: str | None, port: int, unix_path: str | None = None) -> None:
        """Listens on a port (0 without a unix socket: any free one) and on a unix socket.

        Raises InvalidArgument, as upstream, when either is taken.
        """
        try:
            if port or not unix_path:
                await self._server.listen(host, port, reuse_port=self._reuse_port)
                log.info("Running gRPC ModelServer at %s:%d ...", host or "0.0.0.0", self.port)  # noqa: S104
            if unix_path:
                await self._server.listen_unix(unix_path)
                log.info("Running gRPC ModelServer at unix:%s ...", unix_path)
        except OSError as error:
            await self._server.stop(0)
            raise cannot_listen(error, port, unix_path) from None

    async def serve(self, sockets: Iterable[socket.socket]) -> None:
        """Takes connections from sockets that are bound, instead of `start`."""
        for listening in sockets:
            await self._server.serve(listening)

    async def stop(self, grace_s: float) -> None:
        """Takes no new calls; waits at most `grace_s` seconds for those in flight."""
        await self._server.stop(grace_s)
        self._services.deadlines.close()

    def hold(self) -> None:
        """Has the answers that are given from now on wait for `flush`, which must follow in this turn of the loop."""
        self._server.hold()

    def flush(self) -> None:
        """Writes the answers given so far in this turn of the loop now rather than at its end."""
        self._server.flush()


def cannot_listen(error: OSError, port: int, unix_path: str | None) -> InvalidArgument:
    """Upstream's error; why and where, which it does not say, is logged."""
    log.error("gRPC cannot listen on %s: %s", unix_path or f"port {port}", error.strerror or error)
    return InvalidArgument("Failed to BuildAndStart gRPC server")
