"""Transitions: where versions are loaded and unloaded, on the manager's own thread or on a number of others."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Transitions:
    """With 0 threads a job runs where it is submitted, so that no other transition begins before it has ended.

    Else a daemon thread per job, `at_once` of them at a time: a load that hangs must not keep the process from ending.

    Source: TF Serving util/inline_executor.h and util/threadpool_executor.h at 2.20.0.
    """

    def __init__(self, at_once: int) -> None:
        self._slots = threading.Semaphore(at_once) if at_once > 0 else None

    def submit(self, name: str, job: Callable[[], None]) -> None:
        """Runs the job now, or starts it as soon as a thread is free. The job must handle its own errors."""
        if self._slots is None:
            job()
        else:
            threading.Thread(target=self._run, args=(self._slots, job), name=name, daemon=True).start()

    def _run(self, slots: threading.Semaphore, job: Callable[[], None]) -> None:
        with slots:
            job()
