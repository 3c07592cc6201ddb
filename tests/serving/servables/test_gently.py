"""Work that gives way: what it gives, how nice it is, who waits for it, and that it leaves no nice thread behind."""

import asyncio
import contextlib
import os
import sys
import threading
import time

import psutil
import pytest

from serving.servables.gently import NICENESS, gently, soon
from serving.servables.session_config import DEFAULT
from serving.servables.tensorflow_session import open_session
from tests.serving.servables.test_unlocked_calls import answer, graph

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")


def priority(thread=0):
    """How nice a thread is; 0: this one."""
    return os.getpriority(os.PRIO_PROCESS, thread or threading.get_native_id())


def test_the_caller_gets_what_the_work_gives_or_raises():
    """As if it had called it."""
    assert 3 == gently(lambda: 1 + 2)
    with pytest.raises(ZeroDivisionError):
        gently(lambda: 1 // 0)


@linux
def test_the_work_is_nicer_than_its_caller():
    """Who stays as it was."""
    before = priority()

    assert min(before + NICENESS, 19) == gently(priority)
    assert before == priority()


def test_an_event_loop_does_not_wait():
    """It goes on while the work waits for it."""
    may_end, ended = threading.Event(), threading.Event()

    async def loop():
        soon(lambda: may_end.wait(30) and ended.set())
        may_end.set()

    asyncio.run(loop())

    assert ended.wait(30)


def test_elsewhere_soon_is_at_once():
    """Whoever unloads a model waits until it is gone."""
    done = []
    soon(lambda: done.append(True))

    assert done


@linux
def test_a_session_leaves_no_nicer_thread_behind():
    """Those that TensorFlow keeps to run graphs are as they would be without."""
    mine, before = priority(), {thread.id for thread in psutil.Process().threads()}
    session = open_session(graph(), DEFAULT)
    answer(session)

    assert {thread.id for thread in psutil.Process().threads()} - before
    until = time.monotonic() + 30
    while nicer_than(mine) - before and time.monotonic() < until:  # one that was joined may not be quite gone
        pass
    assert not nicer_than(mine) - before
    session.close()


def nicer_than(most):
    """This process's threads that are."""
    found = set()
    for thread in psutil.Process().threads():
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            if priority(thread.id) > most:
                found.add(thread.id)
    return found
