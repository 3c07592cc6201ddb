"""ServingMap: what can be looked up, and how many handles each has."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from serving.core.servable_handle import ServableHandle
from serving.errors import NotFound

if TYPE_CHECKING:
    from serving.core.servable_id import ServableId
    from serving.core.servable_request import ServableRequest


class ServingEntry:
    """A loaded servable, its handles, and an event for "out of the map and not held".

    The length of `_holds` counts handles: appending and popping are atomic where `+=` is not. A handle is counted first
    and `_removed` is read after it; an entry is marked removed first and its handles are counted after it. So of a
    look-up and a removal at the same time at least one sees the other, without a lock.
    """

    __slots__ = ("_holds", "_removed", "drained", "id", "servable")

    def __init__(self, servable_id: ServableId, servable: Any) -> None:
        self.id = servable_id
        self.servable = servable
        self.drained = threading.Event()
        self._holds: list[None] = []
        self._removed = False

    def acquire(self) -> bool:
        """Counts a handle; False, with nothing counted, if the entry is no longer in the map."""
        self._holds.append(None)
        if self._removed:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Counts a handle less."""
        self._holds.pop()
        if self._removed:
            self._settle()

    def remove(self) -> None:
        """Takes no more handles; `drained` is set once there are none."""
        self._removed = True
        self._settle()

    def _settle(self) -> None:
        if not self._holds:
            self.servable = None
            self.drained.set()


class ServingMap:
    """Looking up takes no lock: it reads two dictionaries that writers replace, never change.

    Source: TF Serving core/basic_manager.cc (ServingMap) at 2.20.0.
    """

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._latest: dict[str, ServingEntry] = {}
        self._specific: dict[tuple[str, int], ServingEntry] = {}

    def insert(self, servable_id: ServableId, servable: Any) -> None:
        """Lets requests find it from now on."""
        with self._writing:
            key = (servable_id.name, servable_id.version)
            self._replace({**self._specific, key: ServingEntry(servable_id, servable)})

    def remove(self, servable_id: ServableId) -> threading.Event:
        """Lets no new request find it. Returns an event that is set once the last handle is released."""
        with self._writing:
            rest = dict(self._specific)
            entry = rest.pop((servable_id.name, servable_id.version))
            self._replace(rest)
        entry.remove()
        return entry.drained

    def find(self, name: str, version: int | None = None) -> ServableHandle | None:
        """A handle on a version, the highest if None; None if there is no such version. The hot path."""
        while True:
            entry = self._latest.get(name) if version is None else self._specific.get((name, version))
            if entry is None:
                return None
            if entry.acquire():
                return ServableHandle(entry)

    def handle(self, request: ServableRequest) -> ServableHandle:
        """A handle on what is asked for. Raises NotFound."""
        handle = self.find(request.name, request.version)
        if handle is None:
            raise NotFound(f"Servable not found for request: {request}")
        return handle

    def ids(self) -> list[ServableId]:
        """Everything that can be looked up, in order."""
        return sorted(entry.id for entry in self._specific.values())

    def _replace(self, specific: dict[tuple[str, int], ServingEntry]) -> None:
        # The latest first gains what is new, then loses what is old: a request for it finds something in between.
        latest = {name: specific[name, version] for name, version in sorted(specific)}
        self._specific, self._latest = specific, latest
