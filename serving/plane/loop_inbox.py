"""LoopInbox: hands calls from threads to the event loop; one wake-up for all that have come since the last one."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

log = logging.getLogger(__name__)


class LoopInbox:
    """Calls are made in the order in which they were put."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._calls: list[Callable[[], None]] = []
        self._woken = False

    def put(self, call: Callable[[], None]) -> None:
        """Has `call()` made on the loop; from any thread. Dropped when the loop has ended: nobody waits any more."""
        with self._lock:
            self._calls.append(call)
            wake, self._woken = not self._woken, True
        if wake:
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                log.debug("an answer came after the server's end")

    def _drain(self) -> None:
        with self._lock:
            calls, self._calls, self._woken = self._calls, [], False
        for call in calls:
            try:
                call()
            except Exception:  # noqa: PERF203 - one that fails must not lose the others
                log.exception("an answer could not be given")
