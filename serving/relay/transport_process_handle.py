"""TransportProcessHandle: one transport process as the main process has it: started, told to end, ended."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.relay.frame_writer import MAX_UNSENT_BYTES
from serving.relay.relay_server import RelayServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from serving.exchange import HttpHandler, RpcHandler
    from serving.relay.listeners import Listeners

# Its folder may be on this process's path for a reason that the new process does not know.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[2]); from serving.relay.transport_process import main; "
    "sys.exit(main(int(sys.argv[1])))"
)
_ROOT = str(Path(__file__).parents[2])


class TransportProcessHandle:
    """A process that has been started, and the stream to it; on the event loop's thread.

    Attributes:
      ended: Set when the stream has ended; the process has ended or is of no more use.
    """

    def __init__(self, process: subprocess.Popen[bytes], relay: RelayServer, ended: asyncio.Event) -> None:
        self._process = process
        self._relay = relay
        self.ended = ended

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    async def listening(self, timeout_s: float) -> bool:
        """Waits until it takes connections; False if it ended or took too long."""
        done, _ = await asyncio.wait([self._relay.listening], timeout=timeout_s)
        return bool(done) and not self._relay.listening.cancelled()

    async def stop(self, grace_s: float, slack_s: float) -> None:
        """Lets it finish what is in flight for at most `grace_s` seconds, and ends it `slack_s` seconds later."""
        self._relay.drain(grace_s)
        try:
            await asyncio.wait_for(self.ended.wait(), grace_s + slack_s)
        except asyncio.TimeoutError:
            self._process.kill()
        await self.reap(slack_s)

    async def reap(self, timeout_s: float) -> int:
        """Waits until it has ended, and ends it if it does not; returns how it did."""
        return await asyncio.to_thread(self._wait, timeout_s)

    def _wait(self, timeout_s: float) -> int:
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


async def start_transport_process(
    listeners: Listeners,
    methods: Mapping[str, RpcHandler],
    http: HttpHandler,
    settings: Mapping[str, Any],
    on_end: Callable[[], object],
) -> TransportProcessHandle:
    """Starts one that takes connections from the listeners.

    Args:
      settings: What it must know besides: `ssl_config` or None, `grpc_arguments`, `max_held_bytes`.
      on_end: Called when its stream has ended.
    """
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_UNSENT_BYTES)
    with theirs:
        process = await asyncio.to_thread(_started, theirs, listeners)
    ended = asyncio.Event()

    def lost() -> None:
        ended.set()
        on_end()

    sockets = {"grpc": [each.fileno() for each in listeners.grpc], "rest": [each.fileno() for each in listeners.rest]}
    level = logging.getLogger().getEffectiveLevel()
    told = json.dumps({**settings, **sockets, "methods": list(methods), "log_level": level}).encode()
    _, relay = await asyncio.get_running_loop().create_unix_connection(
        lambda: RelayServer(methods.get, http, told, lost), sock=ours
    )
    return TransportProcessHandle(process, relay, ended)


def _started(stream: socket.socket, listeners: Listeners) -> subprocess.Popen[bytes]:
    fds = [stream.fileno(), *(each.fileno() for each in listeners.all)]
    command = [sys.executable, "-c", _PROGRAM, str(fds[0]), _ROOT]
    return subprocess.Popen(command, pass_fds=fds, stdin=subprocess.DEVNULL)
