"""How many bytes of requests and answers all connections together may hold in memory."""

from __future__ import annotations


class ByteBudget:
    """A count with a limit; one for a whole server."""

    def __init__(self, limit: int) -> None:
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
