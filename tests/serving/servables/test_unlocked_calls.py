"""TensorFlow without Python's global lock: that it works, that it lets others run, and what stands in for it."""

import importlib
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tensorflow.core.framework import graph_pb2, types_pb2

from serving.errors import Code, ServingError
from serving.servables import private_session, unlocked_calls
from serving.servables.tensorflow_errors import serving_errors
from serving.servables.tensorflow_session import open_session

NODES = 2000
FAIR = 0.25


def graph(count=NODES):
    """Sums of x, each of the one before and another x: y0, y1 ..."""
    found = graph_pb2.GraphDef()
    found.versions.producer = 1882
    found.node.add(name="x", op="Placeholder").attr["dtype"].type = types_pb2.DT_FLOAT
    last = "x"
    for index in range(count):
        found.node.add(name=f"y{index}", op="AddV2", input=[last, "x"]).attr["T"].type = types_pb2.DT_FLOAT
        last = f"y{index}"
    return found.SerializeToString()


def answer(session):
    """What the last node says of 1."""
    return session.callable(["x:0"], [f"y{NODES - 1}:0"])([np.ones(1, "f4")])[0].tolist()


def test_this_tensorflow_has_what_it_takes():
    """The names in its libraries, and pointers where pybind11, a session and a PyGraph keep them."""
    raw = open_session(graph())._raw

    assert unlocked_calls.library(importlib.import_module(private_session.MODULE)) is not None
    assert unlocked_calls.graph_pointer(raw._session, raw._graph)


@pytest.mark.parametrize("lacking", [None, "library", "graph_pointer"])
def test_a_session_made_either_way_answers_the_same(monkeypatch, lacking):
    """Without the lock, and with it where a TensorFlow lacks the functions or keeps its pointers elsewhere."""
    if lacking:
        monkeypatch.setattr(unlocked_calls, lacking, lambda *_: None)
    session = open_session(graph())

    assert [NODES + 1] == answer(session)
    session.close()


def test_other_threads_run_while_a_callable_is_made():
    """This one gets processor time meanwhile; with the lock held it would get none."""
    session = open_session(graph())

    assert shared(lambda: session.callable(["x:0"], [f"y{NODES - 1}:0"])) > FAIR
    session.close()


def test_other_threads_run_while_a_graph_is_read():
    """As above."""
    raw, graph_def = private_session.PrivateSession(b"", b""), graph(5 * NODES)

    assert shared(lambda: unlocked_calls.import_graph(raw._api, raw._session, raw._graph, graph_def)) > FAIR


def shared(call):
    """How much processor time this thread gets for each second that `call` takes on another."""
    with ThreadPoolExecutor(1) as executor:
        making = executor.submit(timed, call)
        started = time.thread_time()
        while not making.done():
            pass
        mine = time.thread_time() - started
    return mine / making.result()


def timed(call):
    """Seconds of processor time of this thread."""
    started = time.thread_time()
    call()
    return time.thread_time() - started


def test_what_cannot_be_read_raises_tensorflows_own_error():
    """With its code, and nothing of the graph stays."""
    bad = graph_pb2.GraphDef.FromString(graph(1))
    bad.node.add(name="bad", op="AddV2", input=["y0", "gone"]).attr["T"].type = types_pb2.DT_FLOAT
    with pytest.raises(ServingError, match="Node 'bad': Unknown input node 'gone'") as caught:
        open_session(bad.SerializeToString())

    assert Code.INVALID_ARGUMENT is caught.value.code


def test_what_cannot_be_made_raises_tensorflows_own_error():
    """With its code, as the locked way does."""
    raw = open_session(graph())._raw
    with pytest.raises(ServingError, match="gone:0") as caught, serving_errors():
        raw.callable(b"\x12\x06gone:0")

    assert Code.INVALID_ARGUMENT is caught.value.code
