"""How long a Predict request holds its version."""

import asyncio
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from serving.errors import Code, InvalidArgument
from serving.model_spec import ModelSpec
from serving.plane.loop_inbox import LoopInbox
from serving.plane.merging import TickMerger
from serving.plane.model_threads import ModelThreads
from serving.plane.predict_job import PredictJob, Runs

WAIT_S = 10
X = np.ones(1, np.float32)


class Asked:
    """One request of a model, which records its answer and when it lets go of its version."""

    def __init__(self, model):
        loop = asyncio.get_running_loop()
        metrics = SimpleNamespace(record=lambda *_: None, record_run=lambda *_: None)
        runs = Runs(LoopInbox(loop), TickMerger(loop.call_soon), metrics, None)
        self.released = 0
        self.let_go = asyncio.Event()
        self.answer = loop.create_future()
        handle = SimpleNamespace(servable=model, release=lambda: loop.call_soon_threadsafe(self._release))
        self.job = PredictJob(handle, ModelSpec("m"), lambda _: ({"x": X}, ()), lambda *_: b"body", runs)

    def start(self, deadline_s=None):
        """Asks, with so many seconds to answer."""
        deadline = None if deadline_s is None else time.monotonic() + deadline_s
        self.job.start(lambda *given: self.answer.set_result(given), deadline, 4)
        return self

    def _release(self):
        self.released += 1
        self.let_go.set()


def model_of(plan=None, prepare=None, batching=None):
    """A version whose requests run by that plan, or on its thread."""
    return SimpleNamespace(
        threads=ModelThreads("m", 1),
        exact=lambda spec: spec,
        metadata=(),
        batching=batching,
        bundle=SimpleNamespace(signatures={}),
        plans=SimpleNamespace(find=lambda *_: plan, prepare=prepare),
    )


class Batching:
    """Takes a task and keeps it."""

    done = None

    def submit(self, _feeds, _fetches, done, _deadline, _client):
        """As BatchingSession."""
        self.done = done


BATCHED = SimpleNamespace(inputs=("x",), feeds=("x:0",), fetches=("y:0",), aliases=("y",), direct=lambda *_: None)


async def answered(asked):
    """The code of the answer, None: it is one."""
    answer, error = await asyncio.wait_for(asked.answer, WAIT_S)
    return error.code if answer is None else None


def test_a_thread_keeps_the_version_past_the_deadline():
    """Until it has run: no version is unloaded under a run."""
    free = threading.Event()

    def prepare(*_):
        free.wait(WAIT_S)
        raise InvalidArgument("too late to be heard")

    async def run():
        model = model_of(prepare=prepare)
        asked = Asked(model).start(0.01)

        assert Code.DEADLINE_EXCEEDED == await answered(asked)
        assert 0 == asked.released
        free.set()
        await asyncio.wait_for(asked.let_go.wait(), WAIT_S)
        model.threads.close()
        assert 1 == asked.released

    asyncio.run(run())


def test_a_batch_keeps_the_version_past_the_deadline():
    """Until it has run."""

    async def run():
        batching = Batching()
        asked = Asked(model_of(BATCHED, batching=batching)).start(0.01)

        assert Code.DEADLINE_EXCEEDED == await answered(asked)
        assert 0 == asked.released
        batching.done({"y:0": X}, None)
        await asyncio.wait_for(asked.let_go.wait(), WAIT_S)
        assert 1 == asked.released

    asyncio.run(run())


@pytest.mark.parametrize(("outputs", "error", "code"), [({"y:0": X}, None, None), (None, InvalidArgument("no"), 3)])
def test_a_batch_in_time_lets_go_once(outputs, error, code):
    """With its answer."""

    async def run():
        batching = Batching()
        asked = Asked(model_of(BATCHED, batching=batching)).start(WAIT_S)
        batching.done(outputs, error)

        assert code == await answered(asked)
        await asyncio.wait_for(asked.let_go.wait(), WAIT_S)
        assert 1 == asked.released

    asyncio.run(run())


def test_a_request_that_cannot_be_decoded_lets_go_once():
    """On the loop, where it was decoded."""

    async def run():
        asked = Asked(model_of(SimpleNamespace(inputs=("z",))))
        asked.start()

        assert Code.UNKNOWN == await answered(asked)
        await asyncio.wait_for(asked.let_go.wait(), WAIT_S)
        assert 1 == asked.released

    asyncio.run(run())
