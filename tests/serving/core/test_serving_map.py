import threading

import pytest

from serving.core.servable_id import ServableId
from serving.core.servable_request import ServableRequest
from serving.core.serving_map import ServingMap
from serving.errors import NotFound


def ident(version, name="m"):
    """The id of a version."""
    return ServableId(name, version)


@pytest.fixture
def two():
    """A map with versions 1 and 2 of m."""
    serving = ServingMap()
    serving.insert(ident(1), "one")
    serving.insert(ident(2), "two")
    return serving


def test_the_highest_is_the_latest(two):
    """Whatever the order of insertion."""
    two.insert(ident(0), "zero")

    assert "two" == two.handle(ServableRequest("m")).servable
    assert "zero" == two.handle(ServableRequest("m", 0)).servable
    assert [ident(0), ident(1), ident(2)] == two.ids()


def test_without_the_highest_the_next_is_the_latest(two):
    """And without any there is none."""
    two.remove(ident(2))

    assert ident(1) == two.handle(ServableRequest("m")).id

    two.remove(ident(1))
    with pytest.raises(NotFound, match=r"^Servable not found for request: Latest\(m\)$"):
        two.handle(ServableRequest("m"))
    with pytest.raises(NotFound, match=r"^Servable not found for request: Specific\(m, 2\)$"):
        two.handle(ServableRequest("m", 2))


def test_a_version_is_drained_after_its_last_handle(two):
    """A handle keeps what it has; releasing it again changes nothing."""
    first, second = two.handle(ServableRequest("m", 2)), two.handle(ServableRequest("m", 2))
    drained = two.remove(ident(2))
    first.release()
    first.release()

    assert not drained.is_set()
    assert "two" == second.servable

    with second:
        pass

    assert drained.is_set()
    assert second.servable is None


def test_a_version_without_handles_is_drained_at_once(two):
    """Nobody has to be waited for."""
    assert two.remove(ident(1)).is_set()


class Servable:
    """Knows whether it was freed."""

    def __init__(self):
        self.freed = False


def test_no_look_up_finds_nothing_or_what_was_freed():
    """Four threads look up while versions come and go: each finds one, and what it found stays until it lets go."""
    serving, done, wrong, asked = ServingMap(), threading.Event(), [], []
    serving.insert(ident(0), Servable())

    def ask():
        count = 0
        while not done.is_set():
            handle = serving.find("m")
            if handle is None or handle.servable.freed:
                wrong.append(handle)
                return
            handle.release()
            count += 1
            if count % 50 == 0:
                done.wait(0.0005)  # else the look-ups leave the writer no time on a busy machine
        asked.append(count)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for version in range(1, 500):
        serving.insert(ident(version), Servable())
        old = serving.find("m", version - 1)
        gone = old.servable
        old.release()
        assert serving.remove(ident(version - 1)).wait(10)
        gone.freed = True
    done.set()
    for thread in threads:
        thread.join()

    assert [] == wrong
    assert 4 == len(asked)
    assert min(asked) > 0
