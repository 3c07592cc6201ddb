"""AspiredVersionsManager: the end of the chain; makes what is loaded follow what is aspired."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from serving.core.aspired_version_policy import (
    Action,
    AspiredServableStateSnapshot,
    ServableAction,
    availability_preserving_policy,
)
from serving.core.basic_manager import BasicManager
from serving.core.loader_harness import RetryOptions, State

if TYPE_CHECKING:
    from serving.core.event_bus import EventBus
    from serving.core.loader import Loader
    from serving.core.servable_data import ServableData
    from serving.core.servable_handle import ServableHandle
    from serving.core.servable_id import ServableId
    from serving.core.servable_request import ServableRequest
    from serving.core.servable_state import ServableState

log = logging.getLogger(__name__)
AspiredVersionPolicy = Callable[[Sequence[AspiredServableStateSnapshot]], "ServableAction | None"]
_LOADING = (State.LOAD_REQUESTED, State.LOAD_APPROVED, State.LOADING)
_GOING = (State.UNLOAD_REQUESTED, State.QUIESCING, State.QUIESCED, State.UNLOADING, State.DISABLED)


class AspiredVersionsManager:
    """One thread decides; it wakes when a list comes in or a transition ends, where upstream looks every 100 ms.

    Source: TF Serving core/aspired_versions_manager.cc at 2.20.0.
    """

    def __init__(
        self,
        bus: EventBus[ServableState],
        retries: RetryOptions,
        policy: AspiredVersionPolicy = availability_preserving_policy,
    ) -> None:
        self._policy = policy
        self._wake = threading.Condition()
        self._awake = False
        self._stopped = False
        self._pending: dict[str, list[ServableData[Loader]]] = {}
        self._basic = BasicManager(bus, retries, self._notify)
        self._thread = threading.Thread(target=self._run, name="AspiredVersionsManager", daemon=True)
        self._thread.start()

    def set_aspired_versions(self, name: str, versions: Sequence[ServableData[Loader]]) -> None:
        """Replaces the stream's list: what it leaves out ought to go. Safe from any thread; returns at once."""
        with self._wake:
            if not self._stopped:
                self._pending[name] = list(versions)
        self._notify()

    def servable_handle(self, request: ServableRequest) -> ServableHandle:
        """A handle on a version that is ready. Never waits. Raises NotFound."""
        return self._basic.servable_handle(request)

    def available_ids(self) -> list[ServableId]:
        """The versions that can be looked up now."""
        return self._basic.available_ids()

    def stop(self, timeout_s: float = 5) -> None:
        """Takes no further list, unloads what is loaded; waits at most `timeout_s` seconds for it."""
        with self._wake:
            self._stopped = True
            self._pending.clear()
        for harness in self._basic.harnesses():
            harness.cancel_load_retries()
        self._notify()
        self._thread.join()
        for harness in self._basic.harnesses():
            if harness.state is State.READY:
                self._basic.unload(harness.id)
        with self._wake:
            self._wake.wait_for(self._all_unloaded, timeout_s)

    def _all_unloaded(self) -> bool:
        return not any(harness.state in _GOING[:-1] for harness in self._basic.harnesses())

    def _notify(self) -> None:
        with self._wake:
            self._awake = True
            self._wake.notify_all()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._awake)
                self._awake = False
                if self._stopped:
                    return
            while self._step():
                pass

    def _step(self) -> bool:
        """Flushes, takes lists, does one action; False when there was none to do."""
        self._basic.stop_managing_gone()
        self._take_lists()
        self._basic.stop_managing_gone()
        action = self._next_action()
        if action is None:
            return False
        log.info("%s %s", action.action.name.lower(), action.id)
        (self._basic.load if action.action is Action.LOAD else self._basic.unload)(action.id)
        return True

    def _take_lists(self) -> None:
        with self._wake:
            lists = {name: versions for name, versions in self._pending.items() if not self._must_wait(name, versions)}
            for name in lists:
                del self._pending[name]
        for name, versions in lists.items():
            self._apply(name, versions)

    def _must_wait(self, name: str, versions: list[ServableData[Loader]]) -> bool:
        """A list that aspires again to a version on its way out, or to one whose retries were cancelled, waits.

        Upstream waits for a version that is still READY too; then a return from a failed version would never end.
        """
        wanted = {data.id for data in versions}
        return any(
            h.id in wanted and not h.is_aspired and h.state in (*_LOADING, *_GOING) for h in self._basic.harnesses(name)
        )

    def _apply(self, name: str, versions: list[ServableData[Loader]]) -> None:
        wanted = {data.id: data for data in versions}
        known = self._basic.harnesses(name)
        for harness in known:
            harness.is_aspired = harness.id in wanted
            if not harness.is_aspired:
                harness.cancel_load_retries()
        for servable_id in sorted(wanted.keys() - {harness.id for harness in known}):
            self._basic.manage(wanted[servable_id])

    def _next_action(self) -> ServableAction | None:
        streams: dict[str, list[AspiredServableStateSnapshot]] = {}
        for h in self._basic.harnesses():
            streams.setdefault(h.id.name, []).append(AspiredServableStateSnapshot(h.id, h.state, h.is_aspired))
        actions = [action for versions in streams.values() if (action := self._policy(versions))]
        return min(actions, key=lambda action: action.action.value, default=None)
