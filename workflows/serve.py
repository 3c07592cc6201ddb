"""Runs a model server that follows an overlay: `OverlaySource` and `serving.server.Server`, until a signal."""

from __future__ import annotations

import errno
import signal
import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from workflows.errors import RefusedError, ShipwayError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.core.servable_state import ServableState
    from workflows.workspace import Workspace


def serve(
    workspace: Workspace, environment: str, *, port: int, rest_api_port: int, host: str, tell: Callable[[str], None]
) -> None:
    """Serves until SIGINT or SIGTERM, then finishes what is in flight.

    Raises: UsageError (one port for both, unknown environment); RefusedError (a port is taken); OverlayError (it does
      not render); RepositoryError.
    """
    if port == rest_api_port:
        raise UsageError(f"gRPC and REST need a port each, of which one may be 0 (off): received {port} for both")
    for flag, number in {"port": port, "rest-api-port": rest_api_port}.items():
        require_free(host, flag, number, command="shipway serve")
    from serving.core.loader_harness import RetryOptions
    from serving.errors import ServingError
    from serving.options import ServerOptions
    from serving.servables import tensorflow_light
    from serving.server import Server
    from workflows.overlay_source import OverlaySource

    # This process is nothing but a server, which needs no TensorFlow of Python's.
    tensorflow_light.use()
    options = ServerOptions(
        grpc_port=port,
        rest_api_port=rest_api_port,
        host=host,
        wait_for_models=False,
        retries=RetryOptions(max_num_load_retries=0),  # files on this disk that do not load now will not load later
    )
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with tempfile.TemporaryDirectory(prefix="shipway-serve-") as folder:
        source = OverlaySource(
            remote=workspace.remote,
            environment=environment,
            store=workspace.store,
            mirror=Path(folder) / "remote.git",
            tell=tell,
        )
        try:
            server = Server(options, source, release_commit=source.release_commit)
            server.monitor.subscribe(lambda state: _tell_state(state, tell))
            server.start()
        except ServingError as error:
            raise ShipwayError(str(error)) from None
        tell(f"serving {environment}: REST http://{host}:{rest_api_port}/v1/models/<model>, gRPC {host}:{port}")
        stopped.wait()
        tell("stopping: finishing the requests in flight")
        server.stop()


def _tell_state(state: ServableState, tell: Callable[[str], None]) -> None:
    name, version = state.id.name, state.id.version
    if state.state.name == "AVAILABLE":
        tell(f"{name} {version} answers")
    elif state.state.name == "END":
        tell(f"{name} {version} is unloaded" if state.error is None else f"{name} {version} refused: {state.error}")


def require_free(host: str, flag: str, port: int, *, command: str) -> None:
    """Says which port is taken, before anything is loaded. Raises: RefusedError."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            cure = f"stop what does, or choose another port with `{command} --{flag}`" if taken else "check the address"
            raise RefusedError(f"{host}:{port} cannot be listened on ({error.strerror}): {cure}") from None
