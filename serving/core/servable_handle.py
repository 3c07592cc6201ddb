"""ServableHandle: a caller's hold on a loaded servable; while one lives, its version is not unloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import Self

if TYPE_CHECKING:
    from serving.core.servable_id import ServableId
    from serving.core.serving_map import ServingEntry


class ServableHandle:
    """Use as `with manager.servable_handle(request) as handle: handle.servable ...`. Releasing twice is harmless.

    Made only by a ServingMap, which has already counted it. Slots, no lock and no closure: every request makes one.
    """

    __slots__ = ("_entry", "id", "servable")

    id: ServableId
    servable: Any

    def __init__(self, entry: ServingEntry) -> None:
        self._entry: ServingEntry | None = entry
        self.id = entry.id
        self.servable = entry.servable

    def release(self) -> None:
        """Lets go; the last one lets a waiting unload go on."""
        entry = self._entry
        if entry is not None:
            self._entry = self.servable = None
            entry.release()

    def __enter__(self) -> Self:
        """Holds until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go."""
        self.release()
