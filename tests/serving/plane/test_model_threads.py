"""The threads of one model: how much waits, how much runs at a time, and that nothing is left waiting."""

import threading

import pytest

from serving.errors import ResourceExhausted
from serving.plane import model_threads
from serving.plane.model_threads import ModelThreads

WAIT_S = 30


class Works:
    """Work that runs until it is told to end."""

    def __init__(self):
        self.running = threading.Semaphore(0)
        self.end = threading.Semaphore(0)
        self.at_once = self.most = 0
        self.lock = threading.Lock()

    def __call__(self):
        """One piece."""
        with self.lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.running.release()
        self.end.acquire()
        with self.lock:
            self.at_once -= 1


@pytest.fixture
def threads(monkeypatch):
    """Of a model that may have 100 bytes waiting and 10 running."""
    monkeypatch.setattr(model_threads, "MAX_QUEUED_BYTES", 100)
    monkeypatch.setattr(model_threads, "MAX_RUNNING_BYTES", 10)
    found = ModelThreads("m", 4)
    yield found
    found.close()


def runs(works, count):
    """Waits until so many more run."""
    return all(works.running.acquire(timeout=WAIT_S) for _ in range(count))


def test_no_more_runs_at_a_time_than_fits(threads):
    """Of sizes 6, 4, 1 and 5 the third waits for the first, and all have their turn."""
    works = Works()
    for size in (6, 4, 1, 5):
        threads.submit(works, size)
    assert runs(works, 2)
    assert not works.running.acquire(timeout=0.1)

    works.end.release(4)

    assert runs(works, 2)
    assert works.most <= 3


def test_what_is_larger_than_all_that_may_run_runs_by_itself(threads):
    """It is neither refused nor left waiting for ever."""
    works = Works()
    threads.submit(works, 100)
    assert runs(works, 1)
    threads.submit(works, 100)
    with pytest.raises(ResourceExhausted, match="Too many requests wait for model m: 1 requests, 100 bytes"):
        threads.submit(works, 1)

    works.end.release(2)

    assert runs(works, 1)
    assert 1 == works.most


def test_a_small_one_runs_beside_others(threads):
    """As many as there are threads."""
    works = Works()
    for _ in range(5):
        threads.submit(works)
    assert runs(works, 4)
    works.end.release(5)
    assert runs(works, 1)
    assert 4 == works.most


def test_closing_runs_what_waits(threads):
    """Though it does not fit now."""
    works = Works()
    threads.submit(works, 8)
    assert runs(works, 1)
    threads.submit(works, 8)
    threads.close()
    works.end.release(2)
    assert runs(works, 1)
