"""LargeBodies: how many bytes of large bodies are with the handler at a time: to read one takes ten times its size."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Smaller ones never wait.
_LARGE = 1 << 20


class LargeBodies:
    """First come, first served; one by itself may have any size. On the event loop's thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running = 0
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._is_going_on = False

    def submit(self, size: int, begin: Callable[[], None]) -> None:
        """Calls `begin`, now or when there is room; `ended` must follow it."""
        if size < _LARGE:
            begin()
            return
        self._waiting.append((size, begin))
        self._go_on()

    def ended(self, size: int) -> None:
        """A body of that size is answered."""
        if size >= _LARGE:
            self._running -= size
            self._go_on()

    def _go_on(self) -> None:
        if self._is_going_on:  # what begins may end at once
            return
        self._is_going_on = True
        while self._waiting and (not self._running or self._running + self._waiting[0][0] <= self._most):
            size, begin = self._waiting.popleft()
            self._running += size
            begin()
        self._is_going_on = False
