"""ServableId: one exact servable, a version of a name."""

from __future__ import annotations

from dataclasses import dataclass

from serving.errors import InvalidArgument

MAX_VERSION = 2**63 - 1


@dataclass(frozen=True, order=True)
class ServableId:
    """Name and version; two servables with the same id are interchangeable. `0 <= version < 2**63`."""

    name: str
    version: int

    def __post_init__(self) -> None:
        """Refuses a version that an int64 >= 0 cannot hold."""
        if not 0 <= self.version <= MAX_VERSION:
            raise InvalidArgument(f"A version must be an int64 >= 0. Received: {self.name} {self.version}")

    def __str__(self) -> str:
        """As upstream's DebugString."""
        return f"{{name: {self.name} version: {self.version}}}"
