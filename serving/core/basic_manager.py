"""BasicManager: loads and unloads what it is told, keeps the ServingMap and publishes every change of state."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from serving.core.loader_harness import LoaderHarness, State
from serving.core.resource_tracker import ResourceTracker
from serving.core.servable_state import ManagerState, ServableState
from serving.core.serving_map import ServingMap
from serving.core.transitions import Transitions
from serving.errors import ServingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.core.event_bus import EventBus
    from serving.core.loader import Loader
    from serving.core.manager_options import ManagerOptions
    from serving.core.servable_data import ServableData
    from serving.core.servable_id import ServableId

log = logging.getLogger(__name__)
_GONE = (State.NEW, State.DISABLED, State.ERROR)


class BasicManager:
    """Each action is decided on the caller's thread, then carried out; `on_change` is called after it.

    Source: TF Serving core/basic_manager.cc at 2.20.0 (order of events).
    """

    def __init__(self, bus: EventBus[ServableState], options: ManagerOptions, on_change: Callable[[], None]) -> None:
        self.serving = ServingMap()
        self.resources = ResourceTracker()
        self._bus = bus
        self._retries = options.retries
        self._on_change = on_change
        self._lock = threading.Lock()
        self._harnesses: dict[ServableId, LoaderHarness] = {}
        self._loads = Transitions(options.num_load_threads)
        self._unloads = Transitions(options.num_unload_threads)

    def set_num_load_threads(self, number: int) -> None:
        """For loads that begin from now on; 0: on the caller's thread."""
        self._loads = Transitions(number)

    def manage(self, data: ServableData[Loader]) -> None:
        """Starts to manage a version: START, or at once END if all there is of it is an error."""
        error = data.value if isinstance(data.value, ServingError) else None
        loader = _NoLoader() if isinstance(data.value, ServingError) else data.value
        harness = LoaderHarness(data.id, loader, self._retries)
        with self._lock:
            self._harnesses[data.id] = harness
        self._publish(data.id, ManagerState.START)
        if error is not None:
            harness.fail(error)
            self._publish(data.id, ManagerState.END, error)

    def load(self, servable_id: ServableId) -> None:
        """Starts to load it; LOADING now, AVAILABLE or END later. END at once if there is no memory for it."""
        harness = self._harnesses[servable_id]
        harness.advance(State.LOAD_REQUESTED)
        try:
            self.resources.reserve(servable_id, harness.estimate_resources())
        except ServingError as error:
            harness.fail(error)
            self._publish(servable_id, ManagerState.END, error)
            return
        harness.advance(State.LOAD_APPROVED)
        self._publish(servable_id, ManagerState.LOADING)
        self._loads.submit(f"load {servable_id}", lambda: self._load(harness))

    def unload(self, servable_id: ServableId) -> None:
        """Starts to unload it; UNLOADING now, END after its last request.

        Waiting for requests never takes the manager's thread, whatever the number of threads: a request that hangs
        would stop every other model's transitions.
        """
        harness = self._harnesses[servable_id]
        harness.advance(State.UNLOAD_REQUESTED)
        self._publish(servable_id, ManagerState.UNLOADING)
        harness.advance(State.QUIESCING)
        drained = self.serving.remove(servable_id)
        if drained.is_set():
            self._unloads.submit(f"unload {servable_id}", lambda: self._unload(harness, drained))
        else:
            Transitions(1).submit(f"unload {servable_id}", lambda: self._unload(harness, drained))

    def stop_managing_gone(self) -> None:
        """Forgets un-aspired versions that hold nothing."""
        with self._lock:
            gone = [key for key, h in self._harnesses.items() if not h.is_aspired and h.state in _GONE]
            for servable_id in gone:
                del self._harnesses[servable_id]

    def harnesses(self, name: str | None = None) -> list[LoaderHarness]:
        """What is managed, of one stream or of all, by id."""
        with self._lock:
            found = [h for key, h in self._harnesses.items() if name is None or key.name == name]
        return sorted(found, key=lambda harness: harness.id)

    def _load(self, harness: LoaderHarness) -> None:
        def announce(error: ServingError | None) -> None:
            if error is None:
                self.serving.insert(harness.id, harness.servable)
            else:
                self.resources.release(harness.id)
            self._publish(harness.id, ManagerState.END if error else ManagerState.AVAILABLE, error)

        try:
            harness.load(announce)
            log.info("Successfully loaded servable version %s", harness.id)
        except ServingError as error:
            log.error("Servable %s cannot be loaded: %s", harness.id, error.status())  # noqa: TRY400 - bad files, no bug
        self._on_change()

    def _unload(self, harness: LoaderHarness, drained: threading.Event) -> None:
        drained.wait()
        harness.advance(State.QUIESCED)

        def announce(error: ServingError | None) -> None:
            self.resources.release(harness.id)
            self._publish(harness.id, ManagerState.END, error)

        try:
            harness.unload(announce)
            log.info("Done unloading servable version %s", harness.id)
        except Exception:
            log.exception("Servable %s cannot be unloaded", harness.id)
        self._on_change()

    def _publish(self, servable_id: ServableId, state: ManagerState, error: ServingError | None = None) -> None:
        self._bus.publish(ServableState(servable_id, state, error))


class _NoLoader:
    """Stands where a source or adapter sent an error instead of a loader; never asked."""

    def load(self) -> None:
        raise AssertionError

    def unload(self) -> None:
        raise AssertionError
