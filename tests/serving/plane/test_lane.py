"""Requests that share a lane are answered as each would be alone, and hold their version no longer than the tick."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from serving.core.servable_id import ServableId
from serving.core.serving_map import ServingMap
from serving.errors import Code, InvalidArgument, NotFound
from serving.model_spec import ModelSpec
from serving.monitoring.serving_metrics import ServingMetrics
from serving.plane.lane import Lane
from serving.plane.merging import RowWiseCall, TickMerger
from serving.plane.predict_plan import PredictPlan
from serving.plane.request_metrics import GRPC_PREDICT, RequestMetrics
from serving.plane.run_cost import RunCost
from serving.servables.row_wise import RowWise

ROW = np.ones((1, 2), np.float32)


def scaled(by):
    """A quick callable that multiplies, and refuses negative numbers."""

    def call(arrays):
        if (arrays[0] < 0).any():
            raise InvalidArgument("negative")
        return [arrays[0] * by]

    cost = RunCost()
    for _ in range(3):
        cost.record(1, 1e-9)
    return RowWiseCall(call, cost)


def model_of(by, call=None):
    """A version that multiplies."""
    plan = PredictPlan(("x",), ("x:0",), ("y:0",), ("y",), RowWise({"x:0": (2,)}), call or scaled(by))
    return SimpleNamespace(
        exact=lambda spec: spec._replace(version=by, signature_name="serving_default"),
        metadata=((b"by", b"%d" % by),),
        batching=None,
        plans=SimpleNamespace(find=lambda *_: plan),
    )


class Caller:
    """Keeps its answer."""

    answer = None

    def reply(self, body, metadata):
        """With a body."""
        self.answer = body, metadata

    def fail(self, code, message):
        """With an error."""
        self.answer = code, message


class Road:
    """A lane of model m, whose versions multiply by their number, and a loop that comes round when it is told to."""

    def __init__(self):
        self.soon = []
        self.versions = ServingMap()
        self.metrics = ServingMetrics()
        merger = TickMerger(self.soon.append)
        counted = RequestMetrics(self.metrics, lambda _: True)
        self.lane = Lane(self._find, merger, counted, GRPC_PREDICT, ModelSpec("m"), "x", (), self._encode)

    def add(self, version, call=None):
        """A version that is there from now on."""
        self.versions.insert(ServableId("m", version), model_of(version, call))

    def ask(self, array=ROW):
        """One request; None: it was not taken."""
        caller = Caller()
        return caller if self.lane.submit(array, caller, 0.0) else None

    def tick(self):
        """The loop comes round."""
        soon, self.soon[:] = list(self.soon), []
        for callback in soon:
            callback()

    def _find(self, spec):
        handle = self.versions.find(spec.name, spec.version)
        if handle is None:
            raise NotFound("no such version")
        return handle

    @staticmethod
    def _encode(spec, outputs, count):
        return [f"{spec.version}: {share.tolist()}".encode() for share in np.split(outputs["y"], count)]


@pytest.fixture
def road():
    """With version 2."""
    road = Road()
    road.add(2)
    return road


def test_each_gets_its_own_rows(road):
    """With the same number of rows, and with different ones."""
    callers = [road.ask(ROW * n) for n in (1, 2)]
    assert [None, None] == [caller.answer for caller in callers]
    road.tick()
    assert [b"2: [[2.0, 2.0]]", b"2: [[4.0, 4.0]]"] == [caller.answer[0] for caller in callers]

    callers = [road.ask(np.concatenate([ROW] * n)) for n in (1, 2)]
    road.tick()
    assert [b"2: [[2.0, 2.0]]", b"2: [[2.0, 2.0], [2.0, 2.0]]"] == [caller.answer[0] for caller in callers]
    assert ((b"by", b"2"),) == callers[0].answer[1]


def test_only_the_guilty_one_gets_an_error(road):
    """The others get their answers."""
    callers = [road.ask(ROW * n) for n in (1, -1, 3)]
    road.tick()

    assert (Code.INVALID_ARGUMENT, "negative") == callers[1].answer
    assert [b"2: [[2.0, 2.0]]", b"2: [[6.0, 6.0]]"] == [callers[0].answer[0], callers[2].answer[0]]


def test_the_version_is_held_for_the_tick(road):
    """Those who have come are answered by it, who comes later by the next; then it may go."""
    first = road.ask()
    road.add(3)
    gone = road.versions.remove(ServableId("m", 2))
    assert not gone.is_set()
    road.tick()
    second = road.ask()

    assert gone.is_set()
    road.tick()
    assert [b"2: [[2.0, 2.0]]", b"3: [[3.0, 3.0]]"] == [first.answer[0], second.answer[0]]


def test_what_is_not_quick_is_not_taken(road):
    """A callable that was never measured, a shape that was not proved, no version: none is held after the tick."""
    assert road.ask(np.ones((1, 3), np.float32)) is None
    road.add(3, RowWiseCall(lambda arrays: arrays))
    road.tick()
    assert road.ask() is None
    road.tick()
    assert road.versions.remove(ServableId("m", 3)).is_set()
    assert road.versions.remove(ServableId("m", 2)).is_set()
    assert road.ask() is None


def test_each_is_counted(road):
    """In the counts, the latencies and the runs of the graph."""
    for n in (1, 2, -1):
        road.ask(ROW * n)
    road.tick()
    road.ask()
    road.tick()

    counts = {labels: cell.value() for labels, cell in road.metrics.request_count.cells()}
    assert {("m", "OK"): 3, ("m", "INVALID_ARGUMENT"): 1} == counts
    for metric in (road.metrics.request_latency, road.metrics.runtime_latency):
        ((_, cell),) = metric.cells()
        assert 3 == sum(cell.distribution().counts)
    assert 3 == road.metrics.graph_runs.cell().value()


def test_a_caller_who_cannot_be_answered_keeps_nobody_from_his_answer(road, caplog):
    """It is logged."""
    gone = road.ask()
    gone.reply = None
    there = road.ask()
    road.tick()

    assert b"2: [[2.0, 2.0]]" == there.answer[0]
    assert "an answer could not be given" in caplog.text


def test_an_answer_that_cannot_be_written_is_everybodys_error(road):
    """And the version is let go."""

    def no(*_):
        raise InvalidArgument("cannot be written")

    road.lane.encode = no
    callers = [road.ask(), road.ask()]
    road.tick()

    assert [(Code.INVALID_ARGUMENT, "cannot be written")] * 2 == [caller.answer for caller in callers]
    assert road.versions.remove(ServableId("m", 2)).is_set()


def test_who_asks_again_while_answers_are_given_is_of_the_next_tick(road):
    """On a real loop."""

    async def run():
        loop = asyncio.get_running_loop()
        road.lane.merger = TickMerger(loop.call_soon)
        first, last = Caller(), Caller()
        answered = loop.create_future()
        last.reply = lambda body, _: answered.set_result(body)
        first.reply = lambda *_: road.lane.submit(ROW * 5, last, 0.0)
        road.lane.submit(ROW, first, 0.0)
        assert b"2: [[10.0, 10.0]]" == await asyncio.wait_for(answered, 10)

    asyncio.run(run())
