"""ServableStateMonitor: remembers the last state of every version ever seen, also after its END."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from serving.core.servable_state import ManagerState, ServableState
from serving.errors import ServingError, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from serving.core.event_bus import EventBus
    from serving.core.servable_id import ServableId

_DECIDED = (ManagerState.AVAILABLE, ManagerState.END)


class ServableStateMonitor:
    """Source: TF Serving core/servable_state_monitor.cc at 2.20.0."""

    def __init__(self, bus: EventBus[ServableState]) -> None:
        self._changed = threading.Condition()
        self._states: dict[ServableId, ServableState] = {}
        self._bus = bus
        bus.subscribe(self._record)

    def subscribe(self, callback: Callable[[ServableState], None]) -> Callable[[], None]:
        """Calls `callback(state)` after each change is recorded, on the manager's thread; returns what ends it."""
        return self._bus.subscribe(callback)

    def states(self, name: str) -> list[ServableState]:
        """All versions of a name, descending."""
        with self._changed:
            found = [state for key, state in self._states.items() if key.name == name]
        return sorted(found, key=lambda state: -state.id.version)

    def state(self, servable_id: ServableId) -> ServableState | None:
        """The last state of one version."""
        with self._changed:
            return self._states.get(servable_id)

    def wait_for(self, ready: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Waits until `ready()`, asked after every change of state; False when the time ran out first."""
        with self._changed:
            return self._changed.wait_for(ready, timeout_s)

    def wait_until(self, servable_id: ServableId, state: ManagerState, timeout_s: float | None = None) -> bool:
        """Waits until one version is in a state; False when the time ran out first."""

        def reached() -> bool:
            last = self._states.get(servable_id)
            return last is not None and last.state == state

        return self.wait_for(reached, timeout_s)

    def decided(self, name: str) -> ServableState | None:
        """The highest version that is AVAILABLE or END: what start-up waits for."""
        return next((state for state in self.states(name) if state.state in _DECIDED), None)

    def _record(self, state: ServableState) -> None:
        with self._changed:
            self._states[state.id] = state
            self._changed.notify_all()


def startup_error(decided: Iterable[ServableState | None]) -> ServingError | None:
    """What start-up says when models ended instead of becoming available; None if all are.

    Source: TF Serving core/load_servables_fast.cc at 2.20.0, three opening braces included.
    """
    ended = sorted((s for s in decided if s is not None and s.state is ManagerState.END), key=lambda s: s.id)
    if not ended:
        return None
    text = "".join(f"{{{s.id} due to error: {s.error.status() if s.error else 'OK'}}}, " for s in ended)
    return Unknown(f"{len(ended)} servable(s) did not become available: {{{text}}}")
