import sys
import threading

import pytest

from serving.core.aspired_versions_manager import AspiredVersionsManager
from serving.core.event_bus import EventBus
from serving.core.loader_harness import RetryOptions
from serving.core.manager_options import ManagerOptions
from serving.core.servable_data import ServableData
from serving.core.servable_id import ServableId
from serving.core.servable_request import ServableRequest
from serving.core.servable_state import ManagerState
from serving.core.servable_state_monitor import ServableStateMonitor
from serving.errors import DataLoss, NotFound

WAIT_S = 10


class FakeLoader:
    """Loads when it is let, fails as often as it is told."""

    def __init__(self, servable="servable", failures=0):
        self.servable, self.failures = servable, failures
        self.tries, self.unloaded = 0, threading.Event()
        self.may_load = threading.Event()
        self.may_load.set()

    def load(self):
        """Fails, or gives the servable."""
        self.may_load.wait()
        self.tries += 1
        if self.tries <= self.failures:
            raise DataLoss("damaged")
        return self.servable

    def unload(self):
        """Says that it was called."""
        self.unloaded.set()


class Chain:
    """A manager with its monitor, and every event in order."""

    def __init__(self, retries=0, interval_s=0.0, **options):
        bus = EventBus()
        self.monitor = ServableStateMonitor(bus)
        self.events = []
        bus.subscribe(lambda state: self.events.append((state.id.version, state.state.name)))
        self.manager = AspiredVersionsManager(bus, ManagerOptions(RetryOptions(retries, interval_s), **options))

    def aspire(self, **loaders):
        """Aspires to `v<version>=loader` and nothing else."""
        data = [ServableData(ServableId("m", int(v[1:])), loader) for v, loader in loaders.items()]
        self.manager.set_aspired_versions("m", data)

    def await_state(self, version, state):
        """Waits until a version is in a state."""
        assert self.monitor.wait_until(ServableId("m", version), state, WAIT_S), self.events


@pytest.fixture
def chain():
    """Its manager stops at the end."""
    chain = Chain()
    yield chain
    chain.manager.stop()


def test_the_life_of_a_version(chain):
    """START, LOADING, AVAILABLE, UNLOADING, END, in this order."""
    loader = FakeLoader()
    chain.aspire(v1=loader)
    chain.await_state(1, ManagerState.AVAILABLE)
    chain.aspire()
    chain.await_state(1, ManagerState.END)

    assert ["START", "LOADING", "AVAILABLE", "UNLOADING", "END"] == [state for _, state in chain.events]
    assert loader.unloaded.is_set()


def test_the_old_version_answers_until_the_new_one_does(chain):
    """Availability-preserving, with handles."""
    new = FakeLoader("new")
    new.may_load.clear()
    chain.aspire(v1=FakeLoader("old"))
    chain.await_state(1, ManagerState.AVAILABLE)
    chain.aspire(v2=new)
    chain.await_state(2, ManagerState.LOADING)
    with chain.manager.servable_handle(ServableRequest("m")) as handle:
        assert "old" == handle.servable
    new.may_load.set()
    chain.await_state(1, ManagerState.END)

    assert chain.events.index((2, "AVAILABLE")) < chain.events.index((1, "UNLOADING"))


def test_a_version_is_unloaded_only_after_its_last_request(chain):
    """A handle keeps it; a look-up does not find it any more."""
    loader = FakeLoader()
    chain.aspire(v1=loader)
    chain.await_state(1, ManagerState.AVAILABLE)
    handle = chain.manager.servable_handle(ServableRequest("m", 1))
    chain.aspire()
    chain.await_state(1, ManagerState.UNLOADING)
    with pytest.raises(NotFound, match=r"Servable not found for request: Latest\(m\)"):
        wait_gone(chain)

    assert not loader.unloaded.is_set()

    handle.release()
    chain.await_state(1, ManagerState.END)

    assert loader.unloaded.is_set()


def wait_gone(chain):
    """UNLOADING is published just before the look-up ends."""
    for _ in range(10_000):
        chain.manager.servable_handle(ServableRequest("m")).release()


def test_a_failing_load_is_retried_then_ends_and_is_left_alone():
    """END keeps the error; the same list again does not try again, un-aspiring and aspiring does."""
    chain = Chain(retries=2)
    loader = FakeLoader(failures=3)
    chain.aspire(v1=loader)
    chain.await_state(1, ManagerState.END)

    assert 3 == loader.tries
    assert "DATA_LOSS: damaged" == chain.monitor.state(ServableId("m", 1)).error.status()

    chain.aspire(v1=loader)
    chain.aspire()
    chain.aspire(v2=FakeLoader())
    chain.await_state(2, ManagerState.AVAILABLE)

    assert 3 == loader.tries

    chain.aspire(v1=loader)
    chain.await_state(1, ManagerState.AVAILABLE)
    chain.manager.stop()


def test_a_load_that_fails_at_first_becomes_available():
    """Retries are part of LOADING."""
    chain = Chain(retries=2)
    chain.aspire(v1=FakeLoader(failures=2))
    chain.await_state(1, ManagerState.AVAILABLE)

    assert ["START", "LOADING", "AVAILABLE"] == [state for _, state in chain.events]
    chain.manager.stop()


def test_un_aspiring_ends_the_retries():
    """A pause of an hour between tries does not keep a version that nobody wants."""
    chain = Chain(retries=5, interval_s=3600)
    chain.aspire(v1=FakeLoader(failures=9))
    chain.await_state(1, ManagerState.LOADING)
    chain.aspire()
    chain.await_state(1, ManagerState.END)
    chain.manager.stop()


def test_back_to_the_old_version_after_the_new_one_failed(chain):
    """The old one was never unloaded and simply stays."""
    old = FakeLoader("old")
    chain.aspire(v1=old)
    chain.await_state(1, ManagerState.AVAILABLE)
    chain.aspire(v2=FakeLoader(failures=1))
    chain.await_state(2, ManagerState.END)
    chain.aspire(v1=old)
    chain.aspire(v1=old, v3=FakeLoader())
    chain.await_state(3, ManagerState.AVAILABLE)

    assert [ServableId("m", 1), ServableId("m", 3)] == chain.manager.available_ids()
    assert 1 == old.tries


def test_a_version_on_its_way_out_can_come_back(chain):
    """The list that wants it again waits until it is gone, then it is loaded anew."""
    first = FakeLoader()
    chain.aspire(v1=first)
    chain.await_state(1, ManagerState.AVAILABLE)
    handle = chain.manager.servable_handle(ServableRequest("m"))
    chain.aspire()
    chain.await_state(1, ManagerState.UNLOADING)
    second = FakeLoader()
    chain.aspire(v1=second)
    handle.release()
    chain.await_state(1, ManagerState.AVAILABLE)

    assert first.unloaded.is_set()
    assert 1 == second.tries


def test_an_error_from_the_source_is_the_versions_status(chain):
    """What cannot even become a loader ends with its reason."""
    chain.aspire(v1=DataLoss("no such disk"))
    chain.await_state(1, ManagerState.END)

    assert "no such disk" == chain.monitor.state(ServableId("m", 1)).error.message


def test_a_version_that_returns_as_an_error_ends_as_one(chain):
    """What an unload publishes last cannot come after what the same version's next life publishes."""
    error = DataLoss("damaged")
    for number in range(1, 300):
        version = ServableId("m", number)
        chain.aspire(**{f"v{number}": FakeLoader()})
        chain.await_state(number, ManagerState.AVAILABLE)
        chain.aspire()
        assert chain.monitor.wait_for(lambda v=version: chain.monitor.state(v).state > ManagerState.AVAILABLE, WAIT_S)

        chain.aspire(**{f"v{number}": error})
        assert chain.monitor.wait_for(lambda v=version: chain.monitor.state(v).error is error, WAIT_S), chain.events[
            -6:
        ]


def test_a_version_can_be_looked_up_before_the_old_one_goes(chain):
    """Whenever a version is on its way out, another one answers: at no event of a switch is there none."""
    missing = []

    def look(state):
        if state.state in {ManagerState.AVAILABLE, ManagerState.UNLOADING}:
            try:
                chain.manager.servable_handle(ServableRequest("m")).release()
            except NotFound:
                missing.append(state)

    chain.monitor.subscribe(look)
    for number in range(1, 60):
        chain.aspire(**{f"v{number}": FakeLoader()})
        chain.await_state(number, ManagerState.AVAILABLE)

    assert [] == missing


def test_without_load_threads_one_load_delays_all_others():
    """They run on the manager's own thread, in order."""
    chain = Chain()
    slow = FakeLoader()
    slow.may_load.clear()
    chain.aspire(v1=slow)
    chain.await_state(1, ManagerState.LOADING)
    other = ServableId("other", 1)
    chain.manager.set_aspired_versions("other", [ServableData(other, FakeLoader())])

    assert not chain.monitor.wait_until(other, ManagerState.LOADING, 0.1)

    slow.may_load.set()

    assert chain.monitor.wait_until(other, ManagerState.AVAILABLE, WAIT_S)
    chain.manager.stop()


def test_with_load_threads_others_go_on():
    """As many at a time as there are threads, also if they were raised meanwhile."""
    chain = Chain(num_load_threads=2)
    slow = FakeLoader()
    slow.may_load.clear()
    chain.aspire(v1=slow)
    other = ServableId("other", 1)
    chain.manager.set_aspired_versions("other", [ServableData(other, FakeLoader())])

    assert chain.monitor.wait_until(other, ManagerState.AVAILABLE, WAIT_S)

    slow.may_load.set()
    chain.await_state(1, ManagerState.AVAILABLE)
    chain.manager.stop()


def test_a_request_that_hangs_delays_no_other_model(chain):
    """Waiting for it takes neither the manager's thread nor another's place."""
    chain.aspire(v1=FakeLoader())
    chain.await_state(1, ManagerState.AVAILABLE)
    handle = chain.manager.servable_handle(ServableRequest("m"))
    chain.aspire()
    other = ServableId("other", 1)
    chain.manager.set_aspired_versions("other", [ServableData(other, FakeLoader())])

    assert chain.monitor.wait_until(other, ManagerState.AVAILABLE, WAIT_S)

    handle.release()
    chain.await_state(1, ManagerState.END)


def test_a_version_given_up_while_loading_can_come_back():
    """It is not taken for the one whose retries were cancelled."""
    chain = Chain(retries=5, interval_s=3600)
    chain.aspire(v1=FakeLoader(failures=9))
    chain.await_state(1, ManagerState.LOADING)
    chain.aspire()
    chain.aspire(v1=FakeLoader())
    chain.await_state(1, ManagerState.AVAILABLE)

    assert ["START", "LOADING", "END", "START", "LOADING", "AVAILABLE"] == [state for _, state in chain.events]
    chain.manager.stop()


def test_memory_is_reserved_while_a_version_is_there(chain):
    """By what its loader estimates."""
    loader = FakeLoader()
    loader.estimate_resources = lambda: 100
    chain.aspire(v1=loader, v2=FakeLoader(failures=1))
    chain.await_state(1, ManagerState.AVAILABLE)

    assert 100 == chain.manager.reserved_bytes()

    chain.aspire()
    chain.await_state(1, ManagerState.END)

    assert 0 == chain.manager.reserved_bytes()


@pytest.fixture
def quick_turns():
    """Threads take turns often, so that many interleavings are seen in little time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_a_thousand_switches_under_look_ups(chain, quick_turns):
    """Four threads look up all the while, and each time find a version that is loaded."""
    done, failed, asked = threading.Event(), [], []

    def ask():
        count = 0
        while not done.is_set():
            try:
                with chain.manager.servable_handle(ServableRequest("m")) as handle:
                    if handle.servable.unloaded.is_set():
                        failed.append(handle.id)
            except NotFound as error:
                failed.append(error)
            count += 1
            if count % 50 == 0:
                done.wait(0.0005)  # else the look-ups leave the manager no time on a busy machine
        asked.append(count)

    loaders = [FakeLoader() for _ in range(1001)]
    for loader in loaders:
        loader.servable = loader
    chain.aspire(v0=loaders[0])
    chain.await_state(0, ManagerState.AVAILABLE)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 1001):
        chain.aspire(**{f"v{number}": loaders[number]})
        chain.await_state(number, ManagerState.AVAILABLE)
    done.set()
    for thread in threads:
        thread.join()

    assert [] == failed
    assert min(asked) > 0


@pytest.mark.parametrize("raised", [ValueError("odd"), SystemExit(1), KeyboardInterrupt()])
def test_whatever_a_loader_raises_is_its_versions_status(chain, raised):
    """The manager goes on."""
    loader = FakeLoader()
    loader.load = lambda: (_ for _ in ()).throw(raised)
    chain.aspire(v1=loader)
    chain.await_state(1, ManagerState.END)

    assert f"UNKNOWN: {type(raised).__name__}: {raised}" == chain.monitor.state(ServableId("m", 1)).error.status()

    chain.aspire(v2=FakeLoader())
    chain.await_state(2, ManagerState.AVAILABLE)
