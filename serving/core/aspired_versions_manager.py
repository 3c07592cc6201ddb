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
from serving.core.loader_harness import State
from serving.core.manager_options import ManagerOptions

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
_UNLOADING = (State.UNLOAD_REQUESTED, State.QUIESCING, State.QUIESCED, State.UNLOADING)
_HANGING_LOAD_S = 5


class AspiredVersionsManager:
    """One thread decides; it wakes when a list comes in or a transition ends, where upstream looks every 100 ms.

    Source: TF Serving core/aspired_versions_manager.cc at 2.20.0.
    """

    def __init__(
        self,
        bus: EventBus[ServableState],
        options: ManagerOptions | None = None,
        policy: AspiredVersionPolicy = availability_preserving_policy,
    ) -> None:
        self._policy = policy
        self._wake = threading.Condition()
        self._awake = False
        self._stopped = False
        self._pending: dict[str, list[ServableData[Loader]]] = {}
        # Streams with an empty list that was not taken yet: what comes after it begins anew.
        self._emptied: set[str] = set()
        self._unread = False
        self._aspired: dict[str, list[ServableId]] = {}
        self._basic = BasicManager(bus, options or ManagerOptions(), self._notify)
        self.find = self._basic.serving.find
        self._thread = threading.Thread(target=self._run, name="AspiredVersionsManager", daemon=True)
        self._thread.start()

    def set_aspired_versions(self, name: str, versions: Sequence[ServableData[Loader]]) -> None:
        """Replaces the stream's list: what it leaves out ought to go. Safe from any thread; returns at once."""
        with self._wake:
            if not self._stopped:
                self._pending[name] = list(versions)
                if not versions:
                    self._emptied.add(name)
                self._aspired[name] = [data.id for data in versions]
                self._unread = True
                self._give_up_loading({data.id for data in versions}, name)
        self._notify()

    def aspired(self) -> dict[str, list[ServableId]]:
        """The last list of every stream that ever had one, as it came."""
        with self._wake:
            return dict(self._aspired)

    def servable_handle(self, request: ServableRequest) -> ServableHandle:
        """A handle on a version that is ready. Never waits. Raises NotFound."""
        return self._basic.serving.handle(request)

    def available_ids(self) -> list[ServableId]:
        """The versions that can be looked up now."""
        return self._basic.serving.ids()

    def set_num_load_threads(self, number: int) -> None:
        """For loads that begin from now on."""
        self._basic.set_num_load_threads(number)
        self._notify()

    def reserved_bytes(self) -> int:
        """The memory that what is loaded, or being loaded, was expected to take."""
        return self._basic.resources.reserved_bytes

    def stop(self, timeout_s: float = 5) -> None:
        """Takes no further list, unloads what is loaded; waits at most `timeout_s` seconds for it."""
        with self._wake:
            self._stopped = True
            self._pending.clear()
        for harness in self._basic.harnesses():
            harness.give_up()
        self._notify()
        self._thread.join(_HANGING_LOAD_S)
        for harness in self._basic.harnesses():
            if harness.state is State.READY:
                self._basic.unload(harness.id)
        with self._wake:
            self._wake.wait_for(self._all_unloaded, timeout_s)

    def _all_unloaded(self) -> bool:
        return not any(harness.state in _UNLOADING for harness in self._basic.harnesses())

    def _notify(self) -> None:
        with self._wake:
            self._awake = True
            self._wake.notify_all()

    def _give_up_loading(self, wanted: set[ServableId], name: str) -> None:
        """Ends the retries of a load at once: on the manager's own thread it would keep the list from being read."""
        for harness in self._basic.harnesses(name):
            if harness.id not in wanted and harness.state in _LOADING:
                harness.give_up()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._awake)
                self._awake = False
            try:
                while not self._stopped and self._step():
                    pass
            except Exception:
                log.exception("a step of the manager failed; it goes on with the next change")
            if self._stopped:
                return

    def _step(self) -> bool:
        """Flushes, takes lists, does one action; False when there was none to do."""
        self._basic.stop_managing_gone()
        self._take_lists()
        self._basic.stop_managing_gone()
        with self._wake:
            # A list that came since may have given up a load; what follows from that is decided with the list.
            if self._unread:
                return True
            action = self._next_action()
        if action is None:
            return False
        log.info("%s %s", action.action.name.lower(), action.id)
        (self._basic.load if action.action is Action.LOAD else self._basic.unload)(action.id)
        return True

    def _take_lists(self) -> None:
        with self._wake:
            self._unread = False
            for name in self._emptied:
                self._mark(name, set())
            self._emptied.clear()
            self._basic.stop_managing_gone()
            lists = {name: versions for name, versions in self._pending.items() if not self._must_wait(name, versions)}
            for name, versions in lists.items():
                del self._pending[name]
                self._mark(name, {data.id for data in versions})
        for name, versions in lists.items():
            known = {harness.id for harness in self._basic.harnesses(name)}
            for data in sorted({data.id: data for data in versions}.values(), key=lambda data: data.id):
                if data.id not in known:
                    self._basic.manage(data)

    def _must_wait(self, name: str, versions: list[ServableData[Loader]]) -> bool:
        """A list that aspires again to a version on its way out, or to one whose load was given up, waits.

        So it does for one that is still READY and about to go, as nothing of its stream is aspired: its files may be
        others by now. Upstream waits for any that is READY; then a return from a failed version would never end.
        """
        wanted = {data.id for data in versions}
        harnesses = self._basic.harnesses(name)
        stays = (State.NEW, State.READY) if any(h.is_aspired for h in harnesses) else (State.NEW,)
        return any(h.id in wanted and not h.is_aspired and h.state not in stays for h in harnesses)

    def _mark(self, name: str, wanted: set[ServableId]) -> None:
        for harness in self._basic.harnesses(name):
            if harness.id in wanted:
                harness.is_aspired = True
            else:
                harness.give_up()

    def _next_action(self) -> ServableAction | None:
        streams: dict[str, list[AspiredServableStateSnapshot]] = {}
        for h in self._basic.harnesses():
            streams.setdefault(h.id.name, []).append(AspiredServableStateSnapshot(h.id, h.state, h.is_aspired))
        actions = [action for versions in streams.values() if (action := self._policy(versions))]
        return min(actions, key=lambda action: action.action.value, default=None)
