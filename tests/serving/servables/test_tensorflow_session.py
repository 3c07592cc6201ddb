import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import ml_dtypes
import numpy as np
import psutil
import pytest
from tensorflow.core.framework import graph_pb2, types_pb2

from serving.errors import Code, ServingError
from serving.servables import private_session, tensorflow_session
from serving.servables.public_session import PublicSession
from serving.servables.tensorflow_session import MAX_CALLABLES, Session, open_session

NAMES = ("FLOAT", "STRING", "BOOL", "INT8", "HALF", "BFLOAT16", "COMPLEX64", "INT4", "FLOAT8_E5M2")


def graph(count=1):
    """`in_<dtype>` to `out_<dtype>` and `same_<dtype>`, and `count` tensors y0, y1 ... that add to in_FLOAT."""
    found = graph_pb2.GraphDef()
    found.versions.producer = 1882
    for name in NAMES:
        number = types_pb2.DataType.Value(f"DT_{name}")
        found.node.add(name=f"in_{name}", op="Placeholder").attr["dtype"].type = number
        for prefix in ("out", "same"):
            found.node.add(name=f"{prefix}_{name}", op="Identity", input=[f"in_{name}"]).attr["T"].type = number
    for index in range(count):
        add = found.node.add(name=f"y{index}", op="AddV2", input=["in_FLOAT", "out_FLOAT"])
        add.attr["T"].type = types_pb2.DT_FLOAT
    return found.SerializeToString()


@pytest.fixture(params=["private", "public"])
def session(request):
    """By the private entry points, and by the public API that stands in for them."""
    found = open_session(graph()) if request.param == "private" else Session(PublicSession(graph(), b""))
    yield found
    found.close()


VALUES = [
    ("FLOAT", np.ones((2, 3), "f4")),
    ("FLOAT", np.array(1.5, "f4")),
    ("FLOAT", np.zeros((0, 4), "f4")),
    ("FLOAT", np.arange(6, dtype="f4").reshape(2, 3).T),
    ("STRING", np.array([b"a\0", b""], object)),
    ("STRING", np.array(b"a", object)),
    ("STRING", np.empty((0,), object)),
    ("BOOL", np.array([True, False])),
    ("BOOL", np.array(1, "?")),
    ("INT8", np.array([-1], "i1")),
    ("HALF", np.ones(2, "f2")),
    ("BFLOAT16", np.ones(2, ml_dtypes.bfloat16)),
    ("COMPLEX64", np.array(1 + 2j, "c8")),
]


@pytest.mark.parametrize("timeout_s", [None, 30])
@pytest.mark.parametrize(("name", "array"), VALUES)
def test_any_array_passes_through(session, name, array, timeout_s):
    """With and without a limit, by both ways to TensorFlow: its type, its shape, its values."""
    value = session.run({f"in_{name}:0": array}, [f"out_{name}:0"], timeout_s)[f"out_{name}:0"]

    assert isinstance(value, np.ndarray)
    assert (array.dtype, array.shape) == (value.dtype, value.shape)
    np.testing.assert_array_equal(array, value)


@pytest.mark.parametrize(
    "array",
    [
        np.array([1, 2], ">f4"),
        np.frombuffer(b"\0" + np.array([1, 2], "f4").tobytes(), "f4", offset=1),
        np.array([[1, 0], [2, 0]], "f4")[:, 0],
    ],
)
def test_an_array_of_another_layout_is_understood(array):
    """The other byte order, not aligned, not contiguous."""
    session = open_session(graph())

    assert [1, 2] == session.run({"in_FLOAT:0": array}, ["out_FLOAT:0"])["out_FLOAT:0"].tolist()
    session.close()


def test_numpys_own_text_is_fed_as_strings():
    """Fixed width bytes and text."""
    session = open_session(graph())
    call = session.callable(["in_STRING:0"], ["out_STRING:0"])

    assert [b"ab", b"c"] == call([np.array([b"ab", b"c"])])[0].tolist()
    assert ["é".encode()] == call([np.array(["é"])])[0].tolist()
    session.close()


@pytest.mark.parametrize("timeout_s", [None, 30])
@pytest.mark.parametrize(
    ("feeds", "expected"),
    [
        ({"in_FLOAT:0": np.ones(1)}, "Expects arg[0] to be float but double is provided"),
        ({"in_FLOAT:0": np.array([b"x"], object)}, "Expects arg[0] to be float but string is provided"),
        ({"in_STRING:0": np.ones(1, "f4")}, "Expects arg[0] to be string but float is provided"),
        (
            {"in_STRING:0": np.ones(1, "i8"), "in_FLOAT:0": np.ones(1, "f4")},
            "Expects arg[1] to be string but int64 is provided",
        ),
        ({"in_HALF:0": np.ones(1, ml_dtypes.bfloat16)}, "Expects arg[0] to be half but bfloat16 is provided"),
        ({"in_BOOL:0": np.ones(1, "u4")}, "Expects arg[0] to be bool but uint32 is provided"),
    ],
)
def test_another_element_type_is_refused(session, feeds, expected, timeout_s):
    """In DirectSession::Run's words; feeds are counted in sorted order."""
    feeds = {"in_FLOAT:0": np.ones(1, "f4")} | feeds if "in_STRING:0" in feeds and len(feeds) > 1 else feeds
    with pytest.raises(ServingError) as failed:
        session.run(feeds, ["out_FLOAT:0"], timeout_s)

    assert (Code.INVALID_ARGUMENT, expected) == (failed.value.code, failed.value.message)


def test_repeats_and_what_is_fed_may_be_fetched(session):
    """Both ways give values in the order that was asked for."""
    one, two = np.ones(1, "f4"), np.array([b"s"], object)
    names = ["out_FLOAT:0", "in_STRING:0", "out_FLOAT:0", "in_FLOAT:0"]
    values = session.callable(["in_STRING:0", "in_FLOAT:0"], names)([two, one])

    assert [[1], [b"s"], [1], [1]] == [value.tolist() for value in values]
    assert set(names) == set(session.run({"in_FLOAT:0": one, "in_STRING:0": two}, names))
    assert [one] == session.callable(["in_FLOAT:0"], ["in_FLOAT:0"])([one])


@pytest.mark.parametrize(
    ("feeds", "fetches", "expected"),
    [
        (["nobody:0"], ["out_FLOAT:0"], "NOT_FOUND: FeedInputs: unable to find feed output nobody:0"),
        (["in_FLOAT:0"], ["nobody:0"], "NOT_FOUND: FetchOutputs node nobody:0: not found"),
        (["in_FLOAT:0"], ["out_FLOAT:7"], "NOT_FOUND: FetchOutputs node out_FLOAT:7: not found"),
        (["in_FLOAT:0"], [], "INVALID_ARGUMENT: Must specify at least one target to fetch or execute."),
    ],
)
def test_tensors_that_are_not_there(feeds, fetches, expected):
    """As the C++ session says."""
    session = open_session(graph())
    with pytest.raises(ServingError) as failed:
        session.run(dict.fromkeys(feeds, np.ones(1, "f4")), fetches)

    assert expected == failed.value.status()
    session.close()


def test_a_missing_feed_is_tensorflows_own_error(session):
    """The graph says which placeholder lacks a value."""
    with pytest.raises(ServingError, match="You must feed a value for placeholder tensor 'in_FLOAT'") as failed:
        session.run({}, ["out_FLOAT:0"])

    assert Code.INVALID_ARGUMENT == failed.value.code


def test_a_graph_that_is_none():
    """Bytes that are no GraphDef, and an operation that nobody knows."""
    unknown = graph_pb2.GraphDef()
    unknown.node.add(name="x", op="NoSuchOperation")
    for broken in (b"\xff", unknown.SerializeToString()):
        with pytest.raises(ServingError):
            open_session(broken)


def test_many_combinations_leave_few_callables_behind():
    """The oldest goes; with a limit of time, too, every combination still answers."""
    count = MAX_CALLABLES + 6
    session = open_session(graph(count))
    x = {"in_FLOAT:0": np.ones(1, "f4")}
    first = session.callable(["in_FLOAT:0"], ["y0:0"])
    for _ in range(2):
        for index in range(count):
            for timeout_s in (None, 30):
                assert [2] == session.run(x, [f"y{index}:0"], timeout_s)[f"y{index}:0"].tolist()

    assert MAX_CALLABLES == len(session._calls) == len(session._timed)
    assert [2] == first([np.ones(1, "f4")])[0].tolist()
    session.close()


def test_the_order_of_fetches_makes_no_second_callable():
    """TensorFlow optimises and keeps one graph for both."""
    session = open_session(graph(2))
    one, other = (
        session.callable(["in_FLOAT:0"], names) for names in (["y0:0", "out_FLOAT:0"], ["out_FLOAT:0", "y0:0"])
    )
    x = [np.ones(1, "f4")]

    assert [value.tolist() for value in one(x)] == [[2], [1]] == [value.tolist() for value in other(x)][::-1]
    assert 1 == len(session._made)
    session.close()


def test_callables_come_and_go_under_load(monkeypatch):
    """Four threads on more combinations than are kept."""
    monkeypatch.setattr(tensorflow_session, "MAX_CALLABLES", 2)
    session = open_session(graph(8))

    def ask(seed):
        for index in range(seed, seed + 200):
            name = f"y{index % 8}:0"
            if session.run({"in_FLOAT:0": np.full(1, index, "f4")}, [name])[name].tolist() != [2 * index]:
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(4)))
    session.close()


def test_a_closed_session_finishes_what_runs_and_starts_nothing():
    """A callable that somebody still holds keeps working."""
    session = open_session(graph())
    call = session.callable(["in_FLOAT:0"], ["y0:0"])
    session.close()
    session.close()

    assert [2] == call([np.ones(1, "f4")])[0].tolist()
    for timeout_s in (None, 30):
        with pytest.raises(ServingError, match="Session has been closed"):
            session.run({"in_FLOAT:0": np.ones(1, "f4")}, ["y0:0"], timeout_s)


def test_an_output_outlives_its_session():
    """It owns its memory."""
    session = open_session(graph())
    value = session.run({"in_FLOAT:0": np.ones(100_000, "f4")}, ["y0:0"])["y0:0"]
    session.close()
    del session
    gc.collect()

    assert 200_000 == value.sum()


def test_nothing_is_left_of_closed_sessions_and_of_runs():
    """Threads end with their session; 2,000 runs of 400 kB leave nothing."""
    process = psutil.Process()
    open_session(graph()).close()
    gc.collect()
    threads, session = process.num_threads(), open_session(graph())
    x = {"in_FLOAT:0": np.ones(100_000, "f4")}
    for timeout_s in (None, 30):
        session.run(x, ["y0:0"], timeout_s)
    before = process.memory_info().rss
    for index in range(2_000):
        session.run(x, ["y0:0"], 30 if index % 10 == 0 else None)

    assert process.memory_info().rss - before < 50 << 20
    session.close()
    del session
    gc.collect()
    assert process.num_threads() <= threads + 1


def test_a_blocked_model_starves_no_other():
    """Each session has threads of its own."""
    import tensorflow as tf

    with tf.Graph().as_default() as blocking:
        value = tf.queue.FIFOQueue(1, [tf.float32], shapes=[[]]).dequeue(name="value")
    blocked, other = open_session(blocking.as_graph_def().SerializeToString()), open_session(graph())
    started = threading.Barrier(9)

    def block():
        started.wait()
        with pytest.raises(ServingError, match="Timed out"):
            blocked.run({}, [value.name], 0.5)

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(block) for _ in range(8)]
        started.wait()
        other.run({"in_FLOAT:0": np.ones(1, "f4")}, ["y0:0"], 0.4)
        for future in futures:
            future.result()
    blocked.close()
    other.close()


def test_the_private_entry_points_of_tensorflow_are_still_there():
    """serving/servables/private_session.py; without them public_session.py stands in, 8 times slower."""
    assert [] == private_session.missing()
    assert "Session" == type(open_session(graph())).__name__


def test_without_an_entry_point_the_public_api_stands_in(monkeypatch):
    """Says which are missing, and opens the other kind."""
    monkeypatch.setattr(private_session, "ENTRY_POINTS", ("PyGraph", "TF_Gone"))

    assert ["TF_Gone"] == private_session.missing()
    session = open_session(graph())
    assert isinstance(session._raw, PublicSession)
    assert [2] == session.run({"in_FLOAT:0": np.ones(1, "f4")}, ["y0:0"])["y0:0"].tolist()
    session.close()


def test_a_graph_that_ends_by_itself_is_refused_when_it_is_late():
    """On the caller's thread while runs are short, on the session's own after a long one; late is late in both."""
    session = open_session(graph(), ends=True)
    x = {"in_FLOAT:0": np.ones(1, "f4")}

    assert [2] == session.run(x, ["y0:0"], 30)["y0:0"].tolist()
    assert not session._timed
    with pytest.raises(ServingError, match="Timed out waiting for notification") as failed:
        session.run(x, ["y0:0"], 1e-9)
    assert Code.DEADLINE_EXCEEDED == failed.value.code
    session._last_s = 1.0
    assert [2] == session.run(x, ["y0:0"], 30)["y0:0"].tolist()
    assert session._timed
    session.close()
