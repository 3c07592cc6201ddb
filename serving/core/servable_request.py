"""ServableRequest: which version a caller wants, an exact one or the latest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServableRequest:
    """A version of a name; None stands for the highest that is ready."""

    name: str
    version: int | None = None

    def __str__(self) -> str:
        """As upstream's DebugString, which is part of its NOT_FOUND message."""
        return f"Latest({self.name})" if self.version is None else f"Specific({self.name}, {self.version})"
