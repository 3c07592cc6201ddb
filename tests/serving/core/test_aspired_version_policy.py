import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.core.aspired_version_policy import (
    Action,
    AspiredServableStateSnapshot,
    ServableAction,
    availability_preserving_policy,
)
from serving.core.loader_harness import State
from serving.core.servable_id import ServableId


def versions(*rows):
    """Snapshots from rows of (version, state, is aspired)."""
    return [AspiredServableStateSnapshot(ServableId("m", v), state, aspired) for v, state, aspired in rows]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], None),
        # nothing to do: the one aspired version is there, on its way, or failed
        ([(1, State.READY, True)], None),
        ([(1, State.LOADING, True)], None),
        ([(1, State.ERROR, True)], None),
        # the highest new version is loaded first
        ([(3, State.READY, True), (4, State.NEW, True), (5, State.NEW, True)], (Action.LOAD, 5)),
        ([(1, State.NEW, True), (2, State.LOADING, True)], (Action.LOAD, 1)),
        # a new one that nobody wants any more is not loaded
        ([(1, State.NEW, False)], None),
        # the old one stays while the new one is not ready, also when it failed
        ([(1, State.READY, False), (2, State.NEW, True)], (Action.LOAD, 2)),
        ([(1, State.READY, False), (2, State.LOADING, True)], None),
        ([(1, State.READY, False), (2, State.ERROR, True)], None),
        ([(1, State.READY, False), (2, State.ERROR, True), (3, State.NEW, True)], (Action.LOAD, 3)),
        # once the new one is ready the old ones go, lowest first
        ([(1, State.READY, False), (2, State.READY, True)], (Action.UNLOAD, 1)),
        ([(2, State.READY, False), (1, State.READY, False), (3, State.READY, True)], (Action.UNLOAD, 1)),
        ([(3, State.READY, False), (2, State.READY, True)], (Action.UNLOAD, 3)),
        # of several old ones all but one may go
        ([(1, State.READY, False), (2, State.READY, False), (3, State.NEW, True)], (Action.UNLOAD, 1)),
        # nothing is wanted
        ([(1, State.READY, False)], (Action.UNLOAD, 1)),
        ([(1, State.QUIESCING, False)], None),
    ],
)
def test_the_next_action(rows, expected):
    """The literal table of upstream's rules."""
    action = expected and ServableAction(expected[0], ServableId("m", expected[1]))

    assert action == availability_preserving_policy(versions(*rows))


SNAPSHOTS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(State), st.booleans()), unique_by=lambda row: row[0], max_size=8
)


@given(SNAPSHOTS)
def test_the_last_ready_version_stays_while_an_aspired_one_is_not_ready(rows):
    """Availability: something that answers goes on answering until its replacement does."""
    action = availability_preserving_policy(versions(*rows))
    ready = [v for v, state, _ in rows if state is State.READY]
    waiting = any(aspired for _, _, aspired in rows)

    assert not (action and action.action is Action.UNLOAD and waiting and len(ready) == 1)


@given(SNAPSHOTS)
def test_an_action_is_always_possible_and_independent_of_order(rows):
    """Only new aspired versions are loaded, only ready un-aspired ones unloaded."""
    action = availability_preserving_policy(versions(*rows))
    allowed = {Action.LOAD: (State.NEW, True), Action.UNLOAD: (State.READY, False)}

    assert action == availability_preserving_policy(versions(*reversed(rows)))
    assert action is None or allowed[action.action] in [(s, a) for v, s, a in rows if v == action.id.version]


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), unique_by=lambda row: row[0], max_size=8))
def test_repeated_actions_reach_what_is_aspired(rows):
    """From all-new versions, carrying out action after action ends with exactly the aspired ones ready."""
    states = {v: State.NEW for v, _ in rows}
    for _ in range(2 * len(rows)):
        action = availability_preserving_policy(versions(*((v, states[v], a) for v, a in rows)))
        if action:
            states[action.id.version] = State.READY if action.action is Action.LOAD else State.DISABLED

    assert {v for v, aspired in rows if aspired} == {v for v, state in states.items() if state is State.READY}
