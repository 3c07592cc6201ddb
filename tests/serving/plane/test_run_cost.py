"""When a callable is quick enough for the event loop."""

import pytest

from serving.plane.run_cost import RunCost


def cost_of(*runs: tuple[int, float]) -> RunCost:
    """One that has seen these runs: rows, seconds."""
    cost = RunCost(quick_s=1e-3)
    for rows, seconds in runs:
        cost.record(rows, seconds)
    return cost


def test_nothing_is_quick_before_it_was_measured():
    """The first runs, which build things, are for another thread."""
    assert not RunCost().is_quick(1)
    assert not cost_of((1, 1e-5), (1, 1e-5)).is_quick(1)
    assert cost_of((1, 1e-5), (1, 1e-5), (1, 1e-5)).is_quick(1)


def test_a_slow_first_run_is_forgotten_soon():
    """Half of the difference with each run."""
    cost = cost_of((1, 0.1), *[(1, 4e-5)] * 6)
    assert not cost.is_quick(1)
    for _ in range(3):
        cost.record(1, 4e-5)

    assert cost.is_quick(1)


def test_one_interruption_does_not_make_a_quick_model_slow():
    """Another process may take the processor for as long as it likes."""
    assert cost_of(*[(1, 4e-5)] * 5, (1, 2.0)).is_quick(1)


def test_a_model_that_became_slow_leaves_the_loop():
    """After some fifteen runs."""
    assert not cost_of(*[(1, 4e-5)] * 5, *[(1, 0.05)] * 16).is_quick(1)


@pytest.mark.parametrize(("rows", "expected"), [(1, 1e-4), (2, 2e-4), (3, 2e-4), (4, 4e-4), (100, 64e-4)])
def test_more_rows_are_expected_to_take_more_in_proportion(rows, expected):
    """Counted in steps of two, where they were not measured."""
    assert expected == pytest.approx(cost_of(*[(1, 1e-4)] * 3).expected_s(rows))


def test_many_rows_are_never_expected_to_take_more_than_one_by_one():
    """A single bad measurement does not forbid big runs."""
    cost = cost_of(*[(1, 1e-5)] * 3, (64, 9.0))

    assert 64e-5 == pytest.approx(cost.expected_s(64))
    assert cost.is_quick(64)


def test_fewer_rows_than_measured_take_no_longer():
    """All that is known then."""
    assert 1e-4 == pytest.approx(cost_of(*[(64, 1e-4)] * 3).expected_s(1))


def test_as_many_rows_are_quick_as_fit_into_the_limit():
    """A power of two less one."""
    assert 1 == RunCost().quick_rows()
    assert 15 == cost_of(*[(1, 1e-4)] * 3).quick_rows()
    assert 1023 == cost_of(*[(1, 1e-4)] * 3, (512, 9e-4)).quick_rows()
