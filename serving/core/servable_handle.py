"""ServableHandle: a caller's hold on a loaded servable; while one lives, its version is not unloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.core.servable_id import ServableId


class ServableHandle:
    """Use as `with manager.servable_handle(request) as handle: handle.servable ...`. Releasing twice is harmless."""

    def __init__(self, servable_id: ServableId, servable: Any, release: Callable[[], None]) -> None:
        self.id = servable_id
        self.servable = servable
        self._release: Callable[[], None] | None = release

    def release(self) -> None:
        """Lets go; the last one lets a waiting unload go on."""
        release, self._release = self._release, None
        self.servable = None
        if release:
            release()

    def __enter__(self) -> Self:
        """Holds until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go."""
        self.release()
