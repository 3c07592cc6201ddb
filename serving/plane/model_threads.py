"""ModelThreads: the threads on which one model's requests run, so that a model that blocks takes none from another."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

from serving.errors import ResourceExhausted

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)
# What may wait for a thread, per model. Above it a request is refused at once, so that memory stays bounded.
MAX_QUEUED = 10_000
MAX_QUEUED_BYTES = 512 << 20
# What may run at a time, per model, by the size of the requests: to decode one takes several times its size. One that
# is larger runs by itself.
MAX_RUNNING_BYTES = 512 << 20


class ModelThreads:
    """Daemon threads, made as they are needed up to `limit`; first come, first served."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._ready = threading.Condition()
        self._queue: deque[tuple[Callable[[], None], int]] = deque()
        self._queued_bytes = 0
        self._running_bytes = 0
        self._threads = 0
        self._idle = 0
        self._closed = False

    def submit(self, work: Callable[[], None], size: int = 0) -> None:
        """Runs `work()` on a thread; it must handle its own errors.

        Args:
          size: How many bytes of memory the work holds while it waits. Any size may wait by itself.
        Raises: ResourceExhausted when too much waits already.
        """
        with self._ready:
            if len(self._queue) >= MAX_QUEUED or (self._queue and self._queued_bytes + size > MAX_QUEUED_BYTES):
                raise ResourceExhausted(
                    f"Too many requests wait for model {self._name}: {len(self._queue)} requests, "
                    f"{self._queued_bytes} bytes; try again later"
                )
            self._queue.append((work, size))
            self._queued_bytes += size
            if len(self._queue) > self._idle and self._threads < self._limit:
                self._threads += 1
                threading.Thread(target=self._run, name=f"requests of {self._name}", daemon=True).start()
            self._ready.notify()

    def close(self) -> None:
        """Lets the threads end; what waits is still run."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def _run(self) -> None:
        size = 0
        while found := self._next(size):
            work, size = found
            try:
                work()
            except Exception:
                log.exception("a request of model %s broke its thread's work", self._name)
            # Drops the request's tensors before this thread waits for the next one.
            del work, found

    def _next(self, ran: int) -> tuple[Callable[[], None], int] | None:
        """What to run next, and its size; `ran`: the size of what this thread has just run."""
        with self._ready:
            self._running_bytes -= ran
            if self._queue and self._idle:
                self._ready.notify_all()
            self._idle += 1
            self._ready.wait_for(lambda: self._may_run() if self._queue else self._closed)
            self._idle -= 1
            if not self._queue:
                self._threads -= 1
                return None
            work, size = self._queue.popleft()
            self._queued_bytes -= size
            self._running_bytes += size
            return work, size

    def _may_run(self) -> bool:
        """Whether what waits first fits beside what runs."""
        return not self._running_bytes or self._running_bytes + self._queue[0][1] <= MAX_RUNNING_BYTES
