"""Server: builds the core, the data plane and both transports, runs them on one event loop, and ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import threading
import time
from typing import TYPE_CHECKING

from typing_extensions import Self

from serving import event_loop
from serving.config.model_config import TENSORFLOW
from serving.config.model_config_file import ModelConfigFilePoller
from serving.monitoring.serving_metrics import ServingMetrics
from serving.plane.data_plane import DataPlane, PlaneOptions
from serving.server_core import ServerCore
from serving.start_up import first_config
from serving.tensorflow_platform import tensorflow_platform
from serving.transports import Transports

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from serving.core.servable_id import ServableId
    from serving.core.servable_state_monitor import ServableStateMonitor
    from serving.core.source import Source
    from serving.options import ServerOptions

log = logging.getLogger(__name__)
# What unloading may take beyond the grace, in seconds.
UNLOAD_S = 1.0


class Server:
    """A model server: `with Server(options, source) as server: ...`, or `start()` and `stop()`, or `await serve()`.

    Without a source it polls the base paths of `options.models`. `release_commit` says which commit released a version,
    where that is not the same for all; empty: unknown.
    """

    def __init__(
        self,
        options: ServerOptions,
        source: Source | None = None,
        release_commit: Callable[[ServableId], str] | None = None,
    ) -> None:
        self._first_config = first_config(options, own_source=source is not None)
        self.options = options
        self._source = source
        self._metrics = ServingMetrics()
        self._core = ServerCore({TENSORFLOW: tensorflow_platform(options, self._metrics, release_commit)}, options.core)
        plane_options = PlaneOptions(options.enable_request_merging, options.enable_signature_method_name_check)
        self._plane = DataPlane(self._core, self._metrics, plane_options)
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
                event_loop.run(self.serve(started.set))
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
        self._plane.start()
        transports = Transports(self._plane, self.options, self._metrics, self._core)
        grace_ends = 0.0
        try:
            await self._unless_stopped(asyncio.to_thread(_import_heavy))
            await self._models()
            self._poller = self._config_file_poller()
            if not self._stopping.is_set():
                await transports.start()
                started()
                await self._stopping.wait()
                grace_ends = time.monotonic() + self.options.shutdown_grace_s
                log.info("stopping: finishing the requests in flight")
        finally:
            if self._poller:
                self._poller.stop()
            self._core.begin_stop()
            await transports.stop()
            getattr(self._source, "stop", lambda: None)()
            await self._unload(max(grace_ends - time.monotonic(), UNLOAD_S))

    def request_stop(self) -> None:
        """Begins to stop; only on the server's own loop, e.g. from its signal handler."""
        if self._stopping:
            self._stopping.set()

    async def _models(self) -> None:
        """Serves the first configuration; raises what reload_config does, and gives up when told to stop."""
        if self._source:
            self._core.connect(self._source)
            if self._first_config.is_empty:
                return
        loading = asyncio.ensure_future(asyncio.to_thread(self._core.reload_config, self._first_config))
        if not self.options.wait_for_models:
            loading.add_done_callback(_log_failure)
        elif not await self._unless_stopped(loading):
            self._core.begin_stop()
            loading.add_done_callback(_log_failure)

    async def _unless_stopped(self, work: Awaitable[None]) -> bool:
        """Waits for the work, and raises what it raises; False: the server was told to stop first."""
        assert self._stopping is not None
        task, told = asyncio.ensure_future(work), asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait([task, told], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if task.done():
            task.result()
        return task.done()

    async def _unload(self, timeout_s: float) -> None:
        """Unloads everything, and leaves what takes longer to a thread: a run that never ends holds its version."""
        loop, unloaded = asyncio.get_running_loop(), asyncio.Event()

        def unload() -> None:
            self._core.stop()
            with contextlib.suppress(RuntimeError):  # the loop has already ended
                loop.call_soon_threadsafe(unloaded.set)

        threading.Thread(target=unload, name="Unload", daemon=True).start()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(unloaded.wait(), timeout_s)

    def _config_file_poller(self) -> ModelConfigFilePoller | None:
        path, wait_s = self.options.model_config_file, self.options.model_config_file_poll_wait_s
        if not path or wait_s <= 0:
            return None
        poller = ModelConfigFilePoller(path, wait_s, self._core.reload_config)
        poller.start()
        return poller


def _import_heavy() -> None:
    """Once, before threads load models: two that import TensorFlow at once could deadlock."""
    # It warns that TensorFlow 1's loader is old, and reports each restored checkpoint.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    importlib.import_module("serving.plane.served_model")
    importlib.import_module("serving.grpc.services")


def _log_failure(loading: asyncio.Future[None]) -> None:
    if not loading.cancelled() and (error := loading.exception()):
        log.error("the first configuration is not served: %s", error)
