"""gently, soon: long work that needs no Python, on a thread that gives way to those that answer requests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
# A tenth of the weight of other threads where there are more of them than processors.
NICENESS = 10


def gently(work: Callable[[], T]) -> T:
    """What `work` gives or raises; blocks.

    It must let go of Python's global lock, and start no threads that outlive it: a thread that has the lock and no
    processor would hold up all others, and those that it starts are as nice. A thread that was made nicer cannot go
    back without a privilege, so each work has one of its own.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            failure.append(error)

    _start(run).join()
    if failure:
        raise failure.pop()
    return outcome.pop()


def soon(work: Callable[[], object]) -> None:
    """As gently, but on an event loop's thread it does not wait: whoever drops the last reference may be there."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        gently(work)
    else:
        _start(work)


def _start(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        _give_way()
        work()

    thread = threading.Thread(target=run, name="gently", daemon=True)
    thread.start()
    return thread


def _give_way() -> None:
    """Linux has priorities of threads; elsewhere, and in a sandbox that forbids it, all are equal."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
