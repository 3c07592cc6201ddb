"""Random lists, failures and requests against one manager."""

import time

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from serving.core.aspired_versions_manager import AspiredVersionsManager
from serving.core.event_bus import EventBus
from serving.core.loader_harness import RetryOptions, State
from serving.core.manager_options import ManagerOptions
from serving.core.servable_data import ServableData
from serving.core.servable_id import ServableId
from serving.core.servable_request import ServableRequest
from serving.core.servable_state import ManagerState
from serving.errors import DataLoss, NotFound

START, LOADING, AVAILABLE, UNLOADING, END = ManagerState
FOLLOWS = {
    None: {START},
    START: {LOADING, END},
    LOADING: {AVAILABLE, END},
    AVAILABLE: {UNLOADING},
    UNLOADING: {END},
    END: {START},
}
UNDER_WAY = {
    State.LOAD_REQUESTED,
    State.LOAD_APPROVED,
    State.LOADING,
    State.UNLOAD_REQUESTED,
    State.QUIESCED,
    State.UNLOADING,
    State.DISABLED,
}
VERSIONS = st.sets(st.integers(1, 4), max_size=3)


class Loader:
    """Fails or does not."""

    def __init__(self, version, *, fails):
        self.version, self.fails = version, fails

    def load(self):
        """Gives its version as the servable."""
        if self.fails:
            raise DataLoss("damaged")
        return self.version

    def unload(self):
        """Frees nothing."""


class Manager(RuleBasedStateMachine):
    """One stream, `m`, whose versions are loaded on the manager's own thread."""

    threads = 0

    def __init__(self):
        super().__init__()
        bus = EventBus()
        self.states, self.illegal, self.gaps = {}, [], []
        bus.subscribe(self.see)
        self.manager = AspiredVersionsManager(bus, ManagerOptions(RetryOptions(0, 0), self.threads, self.threads))
        self.asked, self.applied = set(), set()
        self.handles = []

    def see(self, state):
        """Checks each event as it comes."""
        before = self.states.get(state.id.version)
        if state.state not in FOLLOWS[before]:
            self.illegal.append((state.id.version, before, state.state))
        self.states[state.id.version] = state.state
        if state.state is UNLOADING and self.applied and AVAILABLE not in self.states.values():
            self.gaps.append(state.id.version)

    def going(self):
        """The versions that wait for requests."""
        return {version for version, state in self.states.items() if state is UNLOADING}

    def settle(self):
        """Waits until the manager has done all it can."""
        if not self.asked & self.going():
            self.applied = self.asked
        deadline = time.monotonic() + 10
        while not self.is_settled():
            assert time.monotonic() < deadline, self.states
            time.sleep(0.0002)

    def is_settled(self):
        """Whether every list that need not wait is carried out."""
        manager = self.manager
        with manager._wake:
            known = {h.id.version: h.state for h in manager._basic.harnesses("m")}
            return (
                not manager._awake
                and not manager._unread
                and all(manager._must_wait(name, versions) for name, versions in manager._pending.items())
                and manager._next_action() is None
                and self.applied <= known.keys()
                and not set(known.values()) & UNDER_WAY
                and all(state is not State.QUIESCING or version in self.held() for version, state in known.items())
            )

    def held(self):
        """The versions that requests hold."""
        return {handle.id.version for handle in self.handles}

    @rule(versions=VERSIONS, failing=VERSIONS)
    def aspire(self, versions, failing):
        """A new list; some of what is new in it cannot be loaded."""
        self.asked = set(versions)
        if not self.asked & self.going():
            self.applied = self.asked
        data = [ServableData(ServableId("m", v), Loader(v, fails=v in failing)) for v in versions]
        self.manager.set_aspired_versions("m", data)
        self.settle()

    @rule()
    def hold(self):
        """A request that goes on."""
        if AVAILABLE in self.states.values():
            self.handles.append(self.manager.servable_handle(ServableRequest("m")))

    @rule()
    def let_go(self):
        """The oldest request ends; what waited for it goes on."""
        if not self.handles:
            return
        handle = self.handles.pop(0)
        if not self.asked & (self.going() - ({handle.id.version} - self.held())):
            self.applied = self.asked
        handle.release()
        self.settle()

    @invariant()
    def every_event_follows_from_the_one_before(self):
        """A version starts, loads, is available, unloads and ends, in this order."""
        assert [] == self.illegal

    @invariant()
    def what_answers_goes_on_answering(self):
        """The last available version is never unloaded while anything is aspired."""
        assert [] == self.gaps

    @invariant()
    def what_is_aspired_is_available_or_has_ended(self):
        """And an un-aspired one stays only as the last that answers."""
        wanted = {self.states[version] for version in self.applied}
        rest = [version for version, state in self.states.items() if state is AVAILABLE and version not in self.applied]

        assert wanted <= {AVAILABLE, END}
        assert len(rest) <= (1 if self.applied and AVAILABLE not in wanted else 0)

    @invariant()
    def the_latest_that_is_available_is_found(self):
        """The look-up and the events say the same."""
        available = [version for version, state in self.states.items() if state is AVAILABLE]
        try:
            with self.manager.servable_handle(ServableRequest("m")) as handle:
                assert max(available) == handle.servable
        except NotFound:
            assert [] == available

    def teardown(self):
        """Everything un-aspired ends."""
        for handle in self.handles:
            handle.release()
        self.manager.stop()

        assert set(self.states.values()) <= {END}


class ManagerWithThreads(Manager):
    """The same with loads and unloads on threads of their own."""

    threads = 2


OFTEN = settings(max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
TestManager = Manager.TestCase
TestManager.settings = OFTEN
TestManagerWithThreads = ManagerWithThreads.TestCase
TestManagerWithThreads.settings = OFTEN
