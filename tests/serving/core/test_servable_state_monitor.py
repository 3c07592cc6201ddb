import threading

import pytest

from serving.core.event_bus import EventBus
from serving.core.servable_id import ServableId
from serving.core.servable_state import ManagerState, ServableState
from serving.core.servable_state_monitor import ServableStateMonitor, reload_error, startup_error
from serving.errors import DataLoss, NotFound

START, LOADING, AVAILABLE, UNLOADING, END = ManagerState


@pytest.fixture
def bus():
    """A bus without subscribers."""
    return EventBus()


def say(bus, version, state, error=None, name="m"):
    """Publishes a version's state."""
    bus.publish(ServableState(ServableId(name, version), state, error))


def test_the_last_state_of_every_version_descending(bus):
    """An END stays, also with thousands of others after it."""
    monitor = ServableStateMonitor(bus)
    for version in range(3000):
        for state in (START, LOADING, AVAILABLE, UNLOADING, END):
            say(bus, version, state)
    say(bus, 5, START)
    say(bus, 1, AVAILABLE, name="other")
    states = monitor.states("m")

    assert list(reversed(range(3000))) == [state.id.version for state in states]
    assert {END} == {state.state for state in states if state.id.version != 5}
    assert START is monitor.state(ServableId("m", 5)).state
    assert monitor.state(ServableId("m", 3000)) is None
    assert [] == monitor.states("unknown")


def test_a_fresh_monitor_knows_only_what_came_since(bus):
    """And once closed nothing more."""
    say(bus, 1, AVAILABLE)
    monitor = ServableStateMonitor(bus)
    say(bus, 2, AVAILABLE)
    monitor.close()
    say(bus, 3, AVAILABLE)

    assert [2] == [state.id.version for state in monitor.states("m")]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([(1, START)], None),
        ([(1, AVAILABLE)], 1),
        ([(1, AVAILABLE), (2, LOADING)], 1),
        ([(1, AVAILABLE), (2, END)], 2),
        ([(1, END), (2, AVAILABLE)], 2),
        ([(1, END), (1, START)], None),
    ],
)
def test_which_version_decides(bus, events, expected):
    """The highest that is available or has ended."""
    monitor = ServableStateMonitor(bus)
    for version, state in events:
        say(bus, version, state)
    decided = monitor.decided("m")

    assert expected == (decided and decided.id.version)


def test_a_waiter_can_be_made_to_give_up(bus):
    """It asks again whenever it is woken."""
    monitor, stopping = ServableStateMonitor(bus), threading.Event()
    waiter = threading.Thread(target=lambda: monitor.wait_for(stopping.is_set))
    waiter.start()
    stopping.set()
    monitor.wake()
    waiter.join(10)

    assert not waiter.is_alive()


def test_a_subscriber_that_raises_hurts_no_other(bus, caplog):
    """It is logged."""
    bus.subscribe(lambda _: 1 / 0)
    monitor = ServableStateMonitor(bus)
    say(bus, 1, AVAILABLE)

    assert monitor.is_available(ServableId("m", 1))
    assert "a subscriber failed on" in caplog.text


def test_the_sentences_for_models_that_ended():
    """Upstream's, with all their braces, in order of name and version."""
    ended = [
        ServableState(ServableId("b", 2), END, DataLoss("damaged")),
        ServableState(ServableId("c", 1), AVAILABLE),
        None,
        ServableState(ServableId("a", 1), END, NotFound("no file")),
    ]
    entries = (
        "{{{name: a version: 1} due to error: NOT_FOUND: no file}, "
        "{{name: b version: 2} due to error: DATA_LOSS: damaged}, }"
    )

    assert f"UNKNOWN: 2 servable(s) did not become available: {entries}" == startup_error(ended).status()
    assert f"UNKNOWN: 2 model(s) did not become available: {entries}" == reload_error(ended).status()
    assert startup_error(ended[1:3]) is None
    assert reload_error([]) is None


def test_a_model_that_was_unloaded_while_it_was_waited_for():
    """It ended without an error of its own."""
    ended = [ServableState(ServableId("m", 1), END)]

    assert "1 model(s) did not become available: {{{name: m version: 1}}, }" == reload_error(ended).message
