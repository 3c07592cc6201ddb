"""EventBus: publish and subscribe in one process; subscribers run on the publisher's thread."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

E = TypeVar("E")
log = logging.getLogger(__name__)


class EventBus(Generic[E]):
    """Every event goes to every subscriber, in order. A subscriber must return quickly."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._subscribers: list[Callable[[E], None]] = []

    def subscribe(self, callback: Callable[[E], None]) -> Callable[[], None]:
        """Calls `callback(event)` for what comes from now on. Returns a function that ends it."""
        with self._lock:
            self._subscribers.append(callback)
        return lambda: self._unsubscribe(callback)

    def publish(self, event: E) -> None:
        """Calls every subscriber; one at a time, so that all see one order. One that raises hurts no other."""
        with self._lock:
            for subscriber in tuple(self._subscribers):
                _call(subscriber, event)

    def _unsubscribe(self, callback: Callable[[E], None]) -> None:
        with self._lock:
            if callback in self._subscribers:
                self._subscribers.remove(callback)


def _call(subscriber: Callable[[E], None], event: E) -> None:
    try:
        subscriber(event)
    except Exception:
        log.exception("a subscriber failed on %s", event)
