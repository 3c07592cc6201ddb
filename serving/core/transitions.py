"""Transitions: the threads on which versions are loaded and unloaded, a bounded number at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Transitions:
    """A daemon thread per job: a load that hangs must not keep the process from ending."""

    def __init__(self, at_once: int) -> None:
        self._slots = threading.Semaphore(at_once)

    def submit(self, name: str, job: Callable[[], None]) -> None:
        """Starts the job as soon as a slot is free; returns at once. The job must handle its own errors."""
        threading.Thread(target=self._run, args=(job,), name=name, daemon=True).start()

    def _run(self, job: Callable[[], None]) -> None:
        with self._slots:
            job()
