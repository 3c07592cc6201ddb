"""A transport process: gRPC and HTTP on listening sockets that it was given, and a stream to the main process.

It imports neither TensorFlow nor NumPy, has no model and no state but its connections, and ends with the main process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from typing import TYPE_CHECKING, Any

from serving import event_loop
from serving.byte_budget import ByteBudget
from serving.config.ssl_config import SslConfig
from serving.grpc.channel_arguments import TransportArguments
from serving.grpc.grpc_transport import GrpcTransport
from serving.http2.limits import Limits
from serving.relay.relay_client import RelayClient
from serving.rest.http_transport import HttpTransport

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAIN_PROCESS_GONE = 1


def main(fd: int) -> int:
    """Serves until the main process, at the other end of the stream socket `fd`, says that it is enough."""
    # Whoever ends a whole group of processes means the main one, which then ends this one in order.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    event_loop.run(_serve(socket.socket(fileno=fd)))
    return 0


async def _serve(stream: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    # Without the main process nothing can be answered and nobody is there to be told.
    ended = False

    def lost() -> None:
        if not ended:
            os._exit(_MAIN_PROCESS_GONE)

    _, client = await loop.create_unix_connection(lambda: RelayClient(lost), sock=stream)
    settings = await client.settings
    logging.basicConfig(
        level=settings["log_level"], format="%(asctime)s %(levelname).1s %(name)s[%(process)d]: %(message)s"
    )
    client.methods = frozenset(settings["methods"])
    client.max_waiting_bytes = settings["max_held_bytes"]
    grpc, rest = await _start(client, settings)
    client.listening()
    grace_s = await client.drain
    await asyncio.gather(grpc.stop(grace_s), rest.stop(grace_s))
    ended = True
    client.close()


async def _start(client: RelayClient, settings: dict[str, Any]) -> tuple[GrpcTransport, HttpTransport]:
    ssl_config, arguments = settings["ssl_config"], settings["grpc_arguments"]
    budget = ByteBudget(settings["max_held_bytes"])
    grpc = GrpcTransport(
        client.lookup,
        budget=budget,
        ssl_context=SslConfig(**ssl_config).ssl_context() if ssl_config else None,
        arguments=TransportArguments(**{**arguments, "limits": Limits(**arguments["limits"])}),
    )
    await grpc.serve(_sockets(settings["grpc"]))
    rest = HttpTransport(client.http, budget=budget)
    for listening in _sockets(settings["rest"]):
        await rest.serve(listening)
    return grpc, rest


def _sockets(fds: Sequence[int]) -> list[socket.socket]:
    return [socket.socket(fileno=fd) for fd in fds]
