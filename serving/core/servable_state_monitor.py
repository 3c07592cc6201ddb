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
    """An END stays until its version is managed again; a fresh monitor knows only what happened since it was made.

    With `only_new`, only of versions that began since, and not how those ended that were there before.

    Source: TF Serving core/servable_state_monitor.cc at 2.20.0.
    """

    def __init__(self, bus: EventBus[ServableState], *, only_new: bool = False) -> None:
        self._only_new = only_new
        self._changed = threading.Condition()
        self._states: dict[str, dict[int, ServableState]] = {}
        self._bus = bus
        self._unsubscribe = bus.subscribe(self._record)

    def subscribe(self, callback: Callable[[ServableState], None]) -> Callable[[], None]:
        """Calls `callback(state)` after each change is recorded, on the manager's thread; returns what ends it."""
        return self._bus.subscribe(callback)

    def close(self) -> None:
        """Records no more."""
        self._unsubscribe()

    def states(self, name: str) -> list[ServableState]:
        """All versions of a name, descending."""
        with self._changed:
            found = self._states.get(name, {})
            return [found[version] for version in sorted(found, reverse=True)]

    def state(self, servable_id: ServableId) -> ServableState | None:
        """The last state of one version."""
        with self._changed:
            return self._states.get(servable_id.name, {}).get(servable_id.version)

    def is_available(self, servable_id: ServableId) -> bool:
        """Whether it can be looked up now."""
        last = self.state(servable_id)
        return last is not None and last.state is ManagerState.AVAILABLE

    def wait_for(self, ready: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Waits until `ready()`, asked after every change of state and `wake`; False when the time ran out first."""
        with self._changed:
            return self._changed.wait_for(ready, timeout_s)

    def wait_until(self, servable_id: ServableId, state: ManagerState, timeout_s: float | None = None) -> bool:
        """Waits until one version is in a state; False when the time ran out first."""

        def reached() -> bool:
            last = self.state(servable_id)
            return last is not None and last.state == state

        return self.wait_for(reached, timeout_s)

    def wake(self) -> None:
        """Lets every waiter ask again, e.g. whether it should give up."""
        with self._changed:
            self._changed.notify_all()

    def decided(self, name: str) -> ServableState | None:
        """The highest version that is AVAILABLE or END: what start-up and a reload wait for."""
        return next((state for state in self.states(name) if state.state in _DECIDED), None)

    def _record(self, state: ServableState) -> None:
        with self._changed:
            versions = self._states.setdefault(state.id.name, {})
            if not self._only_new or state.id.version in versions or state.state is ManagerState.START:
                versions[state.id.version] = state
            self._changed.notify_all()


def startup_error(decided: Iterable[ServableState | None]) -> ServingError | None:
    """What start-up says when models ended instead of becoming available; None if all are.

    Source: TF Serving core/load_servables_fast.cc at 2.20.0, three opening braces included.
    """
    ended = _ended(decided)
    return Unknown(f"{len(ended)} servable(s) did not become available: {{{_entries(ended)}}}") if ended else None


def reload_error(decided: Iterable[ServableState | None]) -> ServingError | None:
    """What a reload says when new models ended instead of becoming available; None if all are.

    Source: TF Serving model_servers/server_core.cc (WaitUntilModelsAvailable) at 2.20.0.
    """
    ended = _ended(decided)
    return Unknown(f"{len(ended)} model(s) did not become available: {{{_entries(ended)}}}") if ended else None


def _ended(decided: Iterable[ServableState | None]) -> list[ServableState]:
    return sorted((s for s in decided if s is not None and s.state is ManagerState.END), key=lambda s: s.id)


def _entries(ended: Iterable[ServableState]) -> str:
    return "".join(f"{{{s.id}{f' due to error: {s.error.status()}' if s.error else ''}}}, " for s in ended)
