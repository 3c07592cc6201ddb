"""BasicManager: loads and unloads what it is told, keeps the ServingMap and publishes every change of state."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from serving.core.loader_harness import LoaderHarness, RetryOptions, State
from serving.core.servable_state import ManagerState, ServableState
from serving.core.serving_map import ServingMap
from serving.core.transitions import Transitions
from serving.errors import ServingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.core.event_bus import EventBus
    from serving.core.loader import Loader
    from serving.core.servable_data import ServableData
    from serving.core.servable_handle import ServableHandle
    from serving.core.servable_id import ServableId
    from serving.core.servable_request import ServableRequest

log = logging.getLogger(__name__)
_GONE = (State.NEW, State.DISABLED, State.ERROR)


class BasicManager:
    """Each action is decided on the caller's thread and carried out on another; `on_change` is called after it.

    Source: TF Serving core/basic_manager.cc at 2.20.0 (order of events).
    """

    def __init__(self, bus: EventBus[ServableState], retries: RetryOptions, on_change: Callable[[], None]) -> None:
        self._bus = bus
        self._retries = retries
        self._on_change = on_change
        self._lock = threading.Lock()
        self._harnesses: dict[ServableId, LoaderHarness] = {}
        self._serving = ServingMap()
        # As many at once as upstream's initial load; unloads wait for requests, so they never take a load's place.
        self._loads = Transitions(4 * (os.cpu_count() or 1))
        self._unloads = Transitions(1 << 16)

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
        """Starts to load it; LOADING now, AVAILABLE or END later."""
        harness = self._harnesses[servable_id]
        harness.advance(State.LOAD_REQUESTED)
        harness.advance(State.LOAD_APPROVED)
        self._publish(servable_id, ManagerState.LOADING)
        self._loads.submit(f"load {servable_id}", lambda: self._load(harness))

    def unload(self, servable_id: ServableId) -> None:
        """Starts to unload it; UNLOADING now, END after its last request."""
        harness = self._harnesses[servable_id]
        harness.advance(State.UNLOAD_REQUESTED)
        self._publish(servable_id, ManagerState.UNLOADING)
        harness.advance(State.QUIESCING)
        drained = self._serving.remove(servable_id)
        self._unloads.submit(f"unload {servable_id}", lambda: self._unload(harness, drained))

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

    def servable_handle(self, request: ServableRequest) -> ServableHandle:
        """A handle on a version that is ready. Never waits. Raises NotFound."""
        return self._serving.handle(request)

    def available_ids(self) -> list[ServableId]:
        """The versions that can be looked up now."""
        return self._serving.ids()

    def _load(self, harness: LoaderHarness) -> None:
        def announce(error: ServingError | None) -> None:
            if error is None:
                self._serving.insert(harness.id, harness.servable)
            self._publish(harness.id, ManagerState.END if error else ManagerState.AVAILABLE, error)

        try:
            harness.load(announce)
            log.info("%s is available", harness.id)
        except ServingError as error:
            log.error("%s failed to load: %s", harness.id, error.status())  # noqa: TRY400 - bad files, not a bug
        self._on_change()

    def _unload(self, harness: LoaderHarness, drained: threading.Event) -> None:
        drained.wait()
        harness.advance(State.QUIESCED)
        try:
            harness.unload(lambda error: self._publish(harness.id, ManagerState.END, error))
        except Exception:
            log.exception("%s failed to unload", harness.id)
        log.info("%s is unloaded", harness.id)
        self._on_change()

    def _publish(self, servable_id: ServableId, state: ManagerState, error: ServingError | None = None) -> None:
        self._bus.publish(ServableState(servable_id, state, error))


class _NoLoader:
    """Stands where a source or adapter sent an error instead of a loader; never asked."""

    def load(self) -> None:
        raise AssertionError

    def unload(self) -> None:
        raise AssertionError
