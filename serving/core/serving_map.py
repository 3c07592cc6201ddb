"""ServingMap: the versions that can be looked up now, and how many handles each has."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from serving.core.servable_handle import ServableHandle
from serving.core.servable_id import ServableId
from serving.errors import NotFound

if TYPE_CHECKING:
    from serving.core.servable_request import ServableRequest


class _Entry:
    """A loaded servable, its handles, and an event for "out of the map and not held"."""

    def __init__(self, servable: Any) -> None:
        self.servable = servable
        self.handles = 0
        self.removed = False
        self.drained = threading.Event()

    def settle(self) -> None:
        if self.removed and not self.handles:
            self.drained.set()


class ServingMap:
    """Looking up never waits for a load or an unload: the lock is held for a few dictionary steps only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, dict[int, _Entry]] = {}

    def insert(self, servable_id: ServableId, servable: Any) -> None:
        """Lets requests find it from now on."""
        with self._lock:
            self._entries.setdefault(servable_id.name, {})[servable_id.version] = _Entry(servable)

    def remove(self, servable_id: ServableId) -> threading.Event:
        """Lets no new request find it. Returns an event that is set once the last handle is released."""
        with self._lock:
            versions = self._entries[servable_id.name]
            entry = versions.pop(servable_id.version)
            if not versions:
                del self._entries[servable_id.name]
            entry.removed = True
            entry.settle()
        return entry.drained

    def handle(self, request: ServableRequest) -> ServableHandle:
        """A handle on what is asked for. Raises NotFound."""
        with self._lock:
            versions = self._entries.get(request.name, {})
            version = max(versions, default=None) if request.version is None else request.version
            entry = None if version is None else versions.get(version)
            if version is None or entry is None:
                raise NotFound(f"Servable not found for request: {request}")
            entry.handles += 1
        return ServableHandle(ServableId(request.name, version), entry.servable, lambda: self._release(entry))

    def ids(self) -> list[ServableId]:
        """Everything that can be looked up, in order."""
        with self._lock:
            return sorted(ServableId(name, version) for name, found in self._entries.items() for version in found)

    def _release(self, entry: _Entry) -> None:
        with self._lock:
            entry.handles -= 1
            entry.settle()
