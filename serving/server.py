"""Server: builds the core, the data plane and both transports, runs them on one event loop, and ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from serving.config.model_config import TENSORFLOW
from serving.config.model_config_file import ModelConfigFilePoller
from serving.data_plane import DataPlane
from serving.server_core import ServerCore
from serving.start_up import first_config
from serving.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.core.servable_id import ServableId
    from serving.core.servable_state_monitor import ServableStateMonitor
    from serving.core.source import Source
    from serving.options import ServerOptions

log = logging.getLogger(__name__)


class Server:
    """A model server: `with Server(options, source) as server: ...`, or `start()` and `stop()`, or `await serve()`.

    Without a source it polls the base paths of `options.models`.
    """

    def __init__(self, options: ServerOptions, source: Source | None = None) -> None:
        self._first_config = first_config(options, own_source=source is not None)
        self.options = options
        self._source = source
        self._core = ServerCore({TENSORFLOW: self._make_loader}, options.core)
        self._plane = DataPlane(self._core)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._poller: ModelConfigFilePoller | None = None
        self._thread: threading.Thread | None = None

    @property
    def monitor(self) -> ServableStateMonitor:
        """The state of every version; subscribe to it or wait on it."""
        return self._core.monitor

    @property
    def data_plane(self) -> DataPlane:
        """The same calls without a transport."""
        return self._plane

    def available_ids(self) -> list[ServableId]:
        """The versions that answer now."""
        return self._core.available_ids()

    def start(self) -> None:
        """Runs on a thread of its own; returns when the ports are open. Raises ServingError if it could not start."""
        started = threading.Event()
        failure: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self.serve(started.set))
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                failure.append(error)
            finally:
                started.set()

        self._thread = threading.Thread(target=run, name="Server", daemon=True)
        self._thread.start()
        started.wait()
        if failure:
            raise failure[0]

    def stop(self) -> None:
        """Stops accepting, finishes what is in flight, then returns. Safe from any thread, and to call again."""
        with contextlib.suppress(RuntimeError):  # the loop has already ended
            if self._loop:
                self._loop.call_soon_threadsafe(self.request_stop)
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> Self:
        """Starts."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops."""
        self.stop()

    async def serve(self, started: Callable[[], object] = lambda: None) -> None:
        """The whole life, until it is told to stop; calls `started` when the ports are open. Raises ServingError."""
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        workers = Workers(4 * (os.cpu_count() or 1))
        try:
            await self._imported(workers, self._stopping)
            await self._models(self._stopping)
            self._poller = self._config_file_poller()
            if not self._stopping.is_set():
                await self._transports(workers, started, self._stopping)
        finally:
            workers.stop()
            for part in (self._poller, self._source):
                getattr(part, "stop", lambda: None)()
            self._core.stop()

    def request_stop(self) -> None:
        """Begins to stop; only on the server's own loop, e.g. from its signal handler."""
        if self._stopping:
            self._stopping.set()

    async def _imported(self, workers: Workers, stopping: asyncio.Event) -> None:
        """Imports TensorFlow once, on a worker, or gives up when told to stop. Two threads at once could deadlock."""
        tasks = [asyncio.ensure_future(workers.run(_import_tensorflow)), asyncio.ensure_future(stopping.wait())]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            task.result()

    async def _models(self, stopping: asyncio.Event) -> None:
        """Serves the first configuration; raises what reload_config does, and gives up when told to stop."""
        if self._source:
            self._core.connect(self._source)
            if self._first_config.is_empty:
                return None
        loading = asyncio.ensure_future(asyncio.to_thread(self._core.reload_config, self._first_config))
        if not self.options.wait_for_models:
            loading.add_done_callback(_log_failure)
            return None
        told = asyncio.ensure_future(stopping.wait())
        await asyncio.wait([loading, told], return_when=asyncio.FIRST_COMPLETED)
        if not stopping.is_set():
            told.cancel()
            return loading.result()
        self._core.begin_stop()
        loading.add_done_callback(_log_failure)
        return None

    def _config_file_poller(self) -> ModelConfigFilePoller | None:
        path, wait_s = self.options.model_config_file, self.options.model_config_file_poll_wait_s
        if not path or wait_s <= 0:
            return None
        poller = ModelConfigFilePoller(path, wait_s, self._core.reload_config)
        poller.start()
        return poller

    async def _transports(self, workers: Workers, started: Callable[[], object], stopping: asyncio.Event) -> None:
        """GRPC first, then REST; both until `stopping`, then both drain side by side."""
        from serving.grpc.grpc_server import GrpcServer
        from serving.rest.http_rest_api_handler import RestApi
        from serving.rest.http_server import RestServer

        options = self.options
        servers: list[GrpcServer | RestServer] = []
        timeout_s = options.rest_api_timeout_ms / 1000 if options.rest_api_timeout_ms > 0 else None
        try:
            if options.grpc_port:
                servers.append(GrpcServer(self._plane, workers))
                await servers[-1].start(options.host, options.grpc_port)
            if options.rest_api_port and options.rest_api_port != options.grpc_port:
                servers.append(RestServer(RestApi(self._plane, workers, timeout_s)))
                await servers[-1].start(options.host, options.rest_api_port)
            started()
            await stopping.wait()
            log.info("stopping: finishing the requests in flight")
        finally:
            await asyncio.gather(*(server.stop(options.shutdown_grace_s) for server in servers))

    def _make_loader(self, servable_id: ServableId, path: str) -> Any:
        from serving.servables.saved_model_loader import SavedModelLoader
        from serving.served_model import ServedModelLoader

        loader = SavedModelLoader(servable_id, path, enable_warmup=self.options.enable_model_warmup)
        return ServedModelLoader(servable_id, path, loader, 4 * (os.cpu_count() or 1), lambda: None)


def _import_tensorflow() -> None:
    # It warns that TensorFlow 1's loader is old, and reports each restored checkpoint.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    importlib.import_module("serving.servables.saved_model_loader")
    importlib.import_module("serving.grpc.grpc_server")


def _log_failure(loading: asyncio.Future[None]) -> None:
    if not loading.cancelled() and (error := loading.exception()):
        log.error("the first configuration is not served: %s", error)
