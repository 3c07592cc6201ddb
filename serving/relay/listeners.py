"""The listening sockets of all transport processes; the main process has them, so that none is lost with a process."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import stat
from dataclasses import dataclass, field

from serving.grpc.grpc_transport import cannot_listen
from serving.http2.server import tcp_socket
from serving.rest.http_transport import listening_socket

log = logging.getLogger(__name__)
_BACKLOG = 4096


@dataclass
class Listeners:
    """Those of one transport process: sockets of its own on the shared ports, and the shared unix socket."""

    grpc: list[socket.socket] = field(default_factory=list)
    rest: list[socket.socket] = field(default_factory=list)

    @property
    def all(self) -> list[socket.socket]:
        """Of both kinds."""
        return self.grpc + self.rest

    def close(self) -> None:
        """Here; a process that has them too must do the same before clients are refused."""
        for each in self.all:
            each.close()


def open_listeners(count: int, *, host: str | None, grpc_port: int, unix_path: str, rest_port: int) -> list[Listeners]:
    """Opens everything `count` times, where the port is not 0 and the path not empty; clients can connect from now on.

    Raises: InvalidArgument, Unavailable: a port or the path is taken, in the words of the transports.
    """
    opened = [Listeners() for _ in range(count)]
    try:
        _open_grpc(opened, host, grpc_port, unix_path)
        if rest_port:
            _open_rest(opened, host, rest_port)
    except BaseException:
        for each in opened:
            each.close()
        raise
    return opened


def _open_grpc(opened: list[Listeners], host: str | None, port: int, unix_path: str) -> None:
    try:
        if port:
            # A server of somebody else that shares its ports too must not go unnoticed.
            tcp_socket(host, port, reuse_port=False).close()
            for each in opened:
                each.grpc.append(tcp_socket(host, port, reuse_port=True))
                each.grpc[-1].listen(_BACKLOG)
            log.info("Running gRPC ModelServer at %s:%d ...", host or "0.0.0.0", port)  # noqa: S104
        if unix_path:
            shared = _unix_socket(unix_path)
            for each in opened:
                each.grpc.append(shared)
            log.info("Running gRPC ModelServer at unix:%s ...", unix_path)
    except OSError as error:
        raise cannot_listen(error, port, unix_path) from None


def _open_rest(opened: list[Listeners], host: str | None, port: int) -> None:
    listening_socket(host, port, reuse_port=False).close()
    for each in opened:
        each.rest.append(listening_socket(host, port, reuse_port=True))
    log.info("Exporting HTTP/REST API at:%s:%d ...", host or "localhost", port)


def _unix_socket(path: str) -> socket.socket:
    """A socket left there by another process is replaced."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116 - as asyncio has it
            os.remove(path)  # noqa: PTH107
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(path)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
