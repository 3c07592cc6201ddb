"""TransportProcesses: the ports of a server, served by processes that share them; they are kept alive, then ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.byte_budget import MAX_HELD_BYTES
from serving.errors import Internal
from serving.grpc.channel_arguments import MAX_MESSAGE_BYTES
from serving.grpc.message_reader import PREFIX_SIZE
from serving.relay.listeners import Listeners, open_listeners
from serving.relay.transport_process_handle import TransportProcessHandle, start_transport_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.config.ssl_config import SslConfig
    from serving.exchange import HttpHandler, RpcHandler
    from serving.grpc.channel_arguments import TransportArguments

log = logging.getLogger(__name__)
_START_S = 60.0
_SLACK_S = 2.0
# A process that lived longer than this did not fail because of how it was started.
_STEADY_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 10.0


class TransportProcesses:
    """`start`, then `stop`; on the event loop's thread.

    Memory of requests and of answers that wait for their readers is bounded as in one process, by MAX_HELD_BYTES,
    shared out evenly; yet every process may have one message of the largest size.
    Between each process and this one there are besides at most frame_writer.MAX_UNSENT_BYTES and one message.

    Args:
      count: How many.
      methods: What answers RPCs, here.
      http: What answers HTTP, here.
      ssl_config: For TLS of gRPC; None: none.
      arguments: What gRPC is told besides.
    """

    def __init__(
        self,
        count: int,
        methods: Mapping[str, RpcHandler],
        http: HttpHandler,
        ssl_config: SslConfig | None,
        arguments: TransportArguments,
    ) -> None:
        self._count = count
        self._methods = methods
        self._http = http
        self._ssl_config = ssl_config
        self._arguments = arguments
        self._keepers: list[_Keeper] = []
        self._unix_path = ""

    async def start(self, host: str | None, grpc_port: int, unix_path: str, rest_port: int) -> None:
        """Opens what is not 0 and not empty, and returns when all processes take connections.

        Raises: InvalidArgument, Unavailable: a port or path is taken, or the ssl_config is none; Internal: a process
          did not start. Nothing is left open then.
        """
        if self._ssl_config:
            self._ssl_config.ssl_context()
        listeners = open_listeners(
            self._count, host=host, grpc_port=grpc_port, unix_path=unix_path, rest_port=rest_port
        )
        self._unix_path = unix_path
        settings = {
            "ssl_config": asdict(self._ssl_config) if self._ssl_config else None,
            "grpc_arguments": asdict(self._arguments),
            "max_held_bytes": max(MAX_HELD_BYTES // self._count, MAX_MESSAGE_BYTES + PREFIX_SIZE),
        }
        self._keepers = [_Keeper(each, self._methods, self._http, settings) for each in listeners]
        started = await asyncio.gather(*(keeper.start() for keeper in self._keepers))
        if not all(started):
            await self.stop(0)
            raise Internal("A transport process ended before it took connections, its own log says why")

    async def stop(self, grace_s: float) -> None:
        """Closes the ports and lets requests in flight finish, for at most `grace_s` seconds."""
        await asyncio.gather(*(keeper.keep_no_more() for keeper in self._keepers))
        # A port is closed when it is so in every process.
        for keeper in self._keepers:
            keeper.listeners.close()
        await asyncio.gather(*(keeper.stop(grace_s) for keeper in self._keepers))
        if self._unix_path:
            _remove(self._unix_path)


class _Keeper:
    """Has one transport process running at all times; clients that connect meanwhile wait in its sockets' queues."""

    def __init__(
        self, listeners: Listeners, methods: Mapping[str, RpcHandler], http: HttpHandler, settings: Mapping[str, Any]
    ) -> None:
        self.listeners = listeners
        self._methods = methods
        self._http = http
        self._settings = settings
        self._stopping = asyncio.Event()
        self._is_keeping = False
        self._pause_s = _FIRST_PAUSE_S
        self._started_at = 0.0
        self._process: TransportProcessHandle | None = None
        self._restart: asyncio.Task[None] | None = None

    async def start(self) -> bool:
        """Starts the first one; False if it did not come to take connections."""
        self._is_keeping = await self._run()
        return self._is_keeping

    async def keep_no_more(self) -> None:
        """Starts no other one; gives the one that is just starting a little time."""
        self._is_keeping = False
        self._stopping.set()
        if self._restart and (await asyncio.wait([self._restart], timeout=_SLACK_S))[1]:
            self._restart.cancel()

    async def stop(self, grace_s: float) -> None:
        """Ends it."""
        if self._process:
            await self._process.stop(grace_s, _SLACK_S)

    async def _run(self) -> bool:
        """Starts one; False if it did not come to take connections."""
        self._started_at = time.monotonic()
        try:
            self._process = await start_transport_process(
                self.listeners, self._methods, self._http, self._settings, self._ended
            )
        except OSError as error:
            log.error("no transport process could be started: %s", error)  # noqa: TRY400 - the sentence says it all
            return False
        return await self._process.listening(_START_S)

    def _ended(self) -> None:
        if self._is_keeping and (self._restart is None or self._restart.done()):
            self._restart = asyncio.get_running_loop().create_task(self._run_again())

    async def _run_again(self) -> None:
        """Until there is one that takes connections."""
        while self._process and not self._stopping.is_set():
            await self._pause(self._process)
            if not self._stopping.is_set() and await self._run():
                return

    async def _pause(self, ended: TransportProcessHandle) -> None:
        """After every failure in a row a longer one."""
        if time.monotonic() - self._started_at > _STEADY_S:
            self._pause_s = _FIRST_PAUSE_S
        code, pause_s = await ended.reap(_SLACK_S), self._pause_s
        log.warning("transport process %d ended with %d, another starts in %.1f s", ended.pid, code, pause_s)
        self._pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause_s)


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)
