"""How many bytes of requests and answers all connections of all transports together may hold in memory."""

from __future__ import annotations

# A message of the largest size, 2 GiB, fits beside others. To decode takes memory on top: see README.md, "memory".
MAX_HELD_BYTES = 3 << 30


class ByteBudget:
    """A count with a limit; one for a whole server, on its event loop's thread.

    Attributes:
      limit: How many bytes may be held.
      held: How many are.
    """

    def __init__(self, limit: int = MAX_HELD_BYTES) -> None:
        self.limit = limit
        self.held = 0

    def take(self, count: int) -> bool:
        """Whether that many bytes more fit; then they are held."""
        if self.held + count > self.limit:
            return False
        self.held += count
        return True

    def give_back(self, count: int) -> None:
        """That many bytes are no longer held."""
        self.held -= count

    @property
    def left(self) -> int:
        """How many bytes more fit."""
        return max(0, self.limit - self.held)
