"""Source: watches something outside and says which versions of a name ought to be loaded, always the whole list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from serving.core.servable_data import ServableData

T_co = TypeVar("T_co", covariant=True)

# f(servable name, every version of it that ought to be loaded); a later call replaces an earlier one.
AspiredVersionsCallback = Callable[[str, Sequence[ServableData[Any]]], None]


class Source(Protocol):
    """The callback may be called from any thread, and does nothing after the server stopped."""

    def set_aspired_versions_callback(self, callback: AspiredVersionsCallback) -> None:
        """Called once, before anything is aspired; the source may call back from now on."""
