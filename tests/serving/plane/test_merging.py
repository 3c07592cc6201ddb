"""Requests of one tick are run together and answered apart."""

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.errors import InvalidArgument, Unknown
from serving.plane import merging
from serving.plane.merging import MAX_REQUEST_BYTES, MAX_ROWS, MAX_RUN_BYTES, RowWiseCall, TickMerger
from serving.plane.run_cost import RunCost


class Model:
    """Doubles rows and counts them; refuses those with a negative number."""

    def __init__(self) -> None:
        self.runs: list[int] = []

    def __call__(self, arrays):
        """As a RowWiseCall calls it."""
        self.runs.append(len(arrays[0]))
        if (arrays[0] < 0).any():
            raise InvalidArgument(f"negative among {len(arrays[0])}")
        return [arrays[0] * 2, np.array([str(row.sum()).encode() for row in arrays[0]], object)]


def target_for(model, *, measured: bool = True) -> RowWiseCall:
    """A callable of which every number of rows is known to be quick."""
    cost = RunCost()
    for _ in range(3 if measured else 0):
        cost.record(1, 1e-9)
    return RowWiseCall(model, cost)


class Tick:
    """A loop that comes round when it is told to."""

    def __init__(self) -> None:
        self.soon = []
        self.answers = []
        self.merger = TickMerger(self.soon.append)

    def submit(self, target, name, *arrays) -> None:
        """Remembers the answer under a name."""
        self.merger.submit(target, list(arrays), lambda result, error: self.answers.append((name, result, error)))

    def run(self) -> list:
        """One tick; the answers in their order."""
        soon, self.soon[:] = list(self.soon), []
        for callback in soon:
            callback()
        answers, self.answers = self.answers, []
        return answers


def test_what_arrives_in_one_tick_is_one_run():
    """Requests with different numbers of rows, none and several among them."""
    tick, model = Tick(), Model()
    target = target_for(model)
    batches = [np.full((rows, 3), rows, np.float32) for rows in (1, 2, 0, 4)]
    for number, batch in enumerate(batches):
        tick.submit(target, number, batch)

    assert 1 == len(tick.soon)
    answers = tick.run()

    assert [7] == model.runs
    assert [0, 1, 2, 3] == [name for name, _, _ in answers]
    for (_, result, error), batch in zip(answers, batches, strict=True):
        assert error is None
        np.testing.assert_array_equal(result[0], batch * 2)
        assert len(result[1]) == len(batch)


def test_one_alone_is_not_copied():
    """The model gets the very array."""
    tick, seen = Tick(), []
    batch = np.ones((1, 3))
    tick.submit(RowWiseCall(lambda arrays: seen.append(arrays[0]) or arrays), 0, batch)
    tick.run()

    assert seen[0] is batch


def test_the_next_tick_is_another_run():
    """Nothing is left over, and an answer may submit again."""
    tick, model = Tick(), Model()
    target = target_for(model)
    tick.merger.submit(target, [np.ones((1, 1))], lambda *_: tick.submit(target, "again", np.ones((1, 1))))

    assert [] == tick.run()
    assert ["again"] == [name for name, _, _ in tick.run()]
    assert [] == tick.soon
    assert [1, 1] == model.runs


def test_only_what_fits_together_is_merged():
    """Another callable, dtype or inner shape is another run."""
    tick, model, other = Tick(), Model(), Model()
    target, second = target_for(model), target_for(other)
    one = np.ones((1, 2), np.float32)
    for number, (where, array) in enumerate(
        [(target, one), (second, one), (target, one.astype(int)), (target, np.ones((1, 3), np.float32)), (target, one)]
    ):
        tick.submit(where, number, array)

    assert [0, 4, 1, 2, 3] == [name for name, _, _ in tick.run()]
    assert [2, 1, 1] == model.runs
    assert [1] == other.runs


def test_only_the_guilty_request_gets_an_error():
    """A failed run is repeated one by one, and each error is that of its own request."""
    tick, model = Tick(), Model()
    target = target_for(model)
    for number in (1, -2, 3):
        tick.submit(target, number, np.full((1, 1), number))

    answers = tick.run()

    assert [3, 1, 1, 1] == model.runs
    assert [1, -2, 3] == [name for name, _, _ in answers]
    assert [None, "negative among 1", None] == [error and str(error) for _, _, error in answers]
    assert [2, 6] == [int(result[0][0, 0]) for _, result, _ in answers if result]


def test_any_exception_is_a_serving_error():
    """Of the code UNKNOWN, with its type's name."""

    def broken(_):
        raise RuntimeError("no")

    tick = Tick()
    tick.submit(RowWiseCall(broken), "it", np.ones((1, 1)))
    ((_, _, error),) = tick.run()
    assert isinstance(error, Unknown)
    assert "RuntimeError: no" == str(error)


def test_an_answer_that_has_no_row_for_each_row_is_not_taken_apart():
    """Each request is then run by itself."""
    runs = []

    def total(arrays):
        runs.append(len(arrays[0]))
        return [arrays[0].sum(keepdims=True), np.float32(3)]

    tick, target = Tick(), target_for(total)
    for number in range(2):
        tick.submit(target, number, np.ones((1, 1)))
    answers = tick.run()

    assert [2, 1, 1] == runs
    assert [1.0, 1.0] == [float(result[0][0, 0]) for _, result, _ in answers]


def test_an_answer_that_cannot_be_given_does_not_keep_others_from_theirs(caplog):
    """It is logged."""
    tick, model = Tick(), Model()
    target = target_for(model)

    def gone(*_):
        raise ConnectionError("gone")

    tick.merger.submit(target, [np.ones((1, 1))], gone)
    tick.submit(target, "there", np.ones((1, 1)))

    assert ["there"] == [name for name, _, _ in tick.run()]
    assert "an answer could not be given" in caplog.text


def test_runs_are_bounded_in_rows_and_bytes():
    """More rows or bytes than a run may have make several runs; a big request is alone."""
    tick, model = Tick(), Model()
    target = target_for(model)
    for number in range(3):
        tick.submit(target, number, np.ones((MAX_ROWS // 2, 1)))
    tick.run()
    assert [MAX_ROWS, MAX_ROWS // 2] == model.runs

    model.runs.clear()
    medium = np.ones((1, MAX_REQUEST_BYTES), np.int8)
    for number in range(MAX_RUN_BYTES // MAX_REQUEST_BYTES + 1):
        tick.submit(target, number, medium)
    tick.run()
    assert [MAX_RUN_BYTES // MAX_REQUEST_BYTES, 1] == model.runs

    model.runs.clear()
    small, big = np.ones((1, 1 << 15), np.int8), np.ones((9, 1 << 15), np.int8)
    for number, array in enumerate([small, small, big, small, small]):
        tick.submit(target, number, array)
    assert [0, 1, 2, 3, 4] == [name for name, _, _ in tick.run()]
    assert [2, 9, 2] == model.runs


def test_runs_are_no_longer_than_is_quick():
    """Many rows of a callable that takes its time are cut into quick runs."""
    tick, model = Tick(), Model()
    target = RowWiseCall(model)
    for _ in range(3):
        target.cost.record(1, 3e-4)
    for number in range(8):
        tick.submit(target, number, np.ones((1, 1)))
    tick.run()

    assert [3, 3, 2] == model.runs


def test_successful_runs_are_measured():
    """One of so many, so that a callable that became slow is found out."""
    tick, model = Tick(), Model()
    target = target_for(model, measured=False)
    for _ in range(100):
        tick.submit(target, 0, np.full((1, 1), -1))
        tick.run()
    assert target.cost.expected_s(1) is None
    for _ in range(100):
        tick.submit(target, 0, np.ones((1, 1)))
        tick.run()

    assert target.cost.expected_s(1) is not None


def test_without_merging_each_request_is_a_run_of_its_own():
    """As --enable_request_merging=false says."""
    tick, model = Tick(), Model()
    tick.merger = TickMerger(tick.soon.append, merge=False)
    target = target_for(model)
    for number in range(3):
        tick.submit(target, number, np.ones((1, 1)))

    assert [0, 1, 2] == [name for name, _, _ in tick.run()]
    assert [1, 1, 1] == model.runs


def test_the_answers_of_a_tick_are_bracketed():
    """So that they can be written together, whatever happens between."""
    tick, said = Tick(), []
    tick.merger.before, tick.merger.after = lambda: said.append("before"), lambda: said.append("after")
    target = target_for(Model())
    for _ in range(2):
        tick.merger.submit(target, [np.ones((1, 1))], lambda *_: said.append("answer"))
    tick.run()
    assert ["before", "answer", "answer", "after"] == said

    said.clear()
    tick.submit(RowWiseCall(Model(), ran=lambda _: 1 / 0), "lost", np.ones((1, 1)))
    with pytest.raises(ZeroDivisionError):
        tick.run()
    assert ["before", "after"] == said


def test_it_works_on_an_event_loop():
    """Two coroutines that ask in the same tick share a run."""
    model = Model()
    target = target_for(model)

    async def ask(merger):
        future = asyncio.get_running_loop().create_future()
        merger.submit(target, [np.ones((1, 1))], lambda result, _: future.set_result(result))
        return await future

    async def both():
        merger = TickMerger(asyncio.get_running_loop().call_soon)
        return await asyncio.gather(ask(merger), ask(merger))

    assert 2 == len(asyncio.run(both()))
    assert [2] == model.runs


requests = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([1, 2]), st.sampled_from([np.int32, np.int64])))


@given(requests, st.sets(st.integers(0, 9)), st.integers(1, 12))
@settings(deadline=None)
def test_merging_never_changes_an_answer(shapes, guilty, max_rows):
    """Whatever is submitted together, each gets what it would have got alone, each group in order."""
    tick, model = Tick(), Model()
    target = target_for(model)
    batches = [
        np.full((rows, columns), -1 if number in guilty else number, dtype)
        for number, (rows, columns, dtype) in enumerate(shapes)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "MAX_ROWS", max_rows)
        for number, batch in enumerate(batches):
            tick.submit(target, number, batch)
        answers = tick.run()

    assert sorted(range(len(batches))) == sorted(name for name, _, _ in answers)
    for name, result, error in answers:
        tick.submit(target_for(Model()), "alone", batches[name])
        ((_, alone, failure),) = tick.run()
        if failure is not None:
            assert failure.status() == error.status()
        else:
            assert [array.tolist() for array in alone] == [array.tolist() for array in result]
            assert [array.dtype for array in alone] == [array.dtype for array in result]
    for kind in {(batch.dtype, batch.shape[1]) for batch in batches}:
        order = [name for name, _, _ in answers if (batches[name].dtype, batches[name].shape[1]) == kind]
        assert sorted(order) == order
