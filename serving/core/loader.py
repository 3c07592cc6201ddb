"""Loader: knows how to load and unload one servable version. Cheap until `load`."""

from __future__ import annotations

from typing import Any, Protocol


class Loader(Protocol):
    """`load` is called again after it failed, never after it succeeded. It runs on a thread of the manager.

    A loader may also have `estimate_resources() -> int`, the bytes of memory that its servable will take.
    """

    def load(self) -> Any:
        """Returns the servable, ready to answer. Raises ServingError with what is wrong."""

    def unload(self) -> None:
        """Frees what `load` took; nobody uses the servable any more."""
