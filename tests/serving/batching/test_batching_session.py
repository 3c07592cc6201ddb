"""The scheduler's threads and BatchingSession around them, with a session that is a Python function."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from serving.batching.batching_parameters import BatchingParameters
from serving.batching.batching_session import MAX_QUEUES, BatchingSession
from serving.batching.run_pace import ENOUGH_RUNS
from serving.batching.shared_batch_scheduler import SharedBatchScheduler
from serving.batching.wrap_session import SessionBatcher
from serving.errors import (
    Code,
    FailedPrecondition,
    InvalidArgument,
    ResourceExhausted,
    ServingError,
    Unavailable,
    Unknown,
)
from serving.monitoring.metrics import Registry
from serving.monitoring.serving_metrics import BatchingMetrics

LIMIT_S = 20


class Doubler:
    """A session that answers 2 x, one call at a time if `gate` is held, and remembers what it was asked."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Semaphore(0)
        self.batches = []
        self.timeouts = []
        self.closed = False

    def run(self, feeds, fetches, timeout_s=None):
        """2 x as y:0, and the sum of each row as sum:0."""
        self.batches.append(feeds["x:0"].tolist())
        self.timeouts.append(timeout_s)
        self.started.release()
        assert self.gate.wait(LIMIT_S)
        return {name: feeds["x:0"] * 2 if name == "y:0" else feeds["x:0"] + 1 for name in fetches}

    def close(self):
        """Remembers it."""
        self.closed = True


class Answers:
    """Collects what `done` is called with."""

    def __init__(self):
        self.arrived = threading.Semaphore(0)
        self.values = []
        self.errors = []
        self.threads = set()

    def __call__(self, outputs, error):
        """One answer."""
        self.threads.add(threading.current_thread().name)
        self.values.append(outputs and outputs["y:0"].tolist())
        self.errors.append(error)
        self.arrived.release()

    def wait(self, count):
        """Blocks until that many have come."""
        for _ in range(count):
            assert self.arrived.acquire(timeout=LIMIT_S)
        return self.values


@pytest.fixture
def make():
    """Builds sessions that share one pool; everything is closed at the end."""
    schedulers = []

    def run(wrapped, threads=1, scheduler=None, registry=None, **parameters):
        if scheduler is None:
            scheduler = SharedBatchScheduler(threads, "pool")
            schedulers.append(scheduler)
        metrics = BatchingMetrics(registry or Registry())
        return BatchingSession(wrapped, scheduler, BatchingParameters(**parameters), metrics)

    run.schedulers = schedulers
    yield run
    for scheduler in schedulers:
        scheduler.close()


def x(*rows):
    """A feed with one number per row."""
    return {"x:0": np.array(rows, np.float32)}


def hold(session, wrapped, value=0):
    """Makes the only thread busy with a batch of its own until the gate opens."""
    wrapped.gate.clear()
    while wrapped.started.acquire(blocking=False):
        pass
    answers = Answers()
    session.submit(x(value), ["y:0"], answers)
    assert wrapped.started.acquire(timeout=LIMIT_S)
    return answers


def test_a_lone_call_runs_at_once(make):
    """Without a timeout there is nobody to wait for."""
    wrapped = Doubler()
    session = make(wrapped)

    assert [2, 4] == session.run(x(1, 2), ["y:0"])["y:0"].tolist()
    assert [[1, 2]] == wrapped.batches
    assert [None] == wrapped.timeouts


def test_waiting_calls_run_together_and_each_gets_its_rows(make):
    """In the order they came, never more than max_batch_size rows."""
    wrapped, answers = Doubler(), Answers()
    session = make(wrapped, max_batch_size=4)
    hold(session, wrapped)
    for rows in [(1,), (2, 3), (4,), (5,), (6, 7)]:
        session.submit(x(*rows), ["y:0"], answers)

    wrapped.gate.set()

    assert [[2], [4, 6], [8], [10], [12, 14]] == answers.wait(5)
    assert [[0], [1, 2, 3, 4], [5, 6, 7]] == wrapped.batches
    assert {"pool_0"} == answers.threads


def test_a_full_batch_does_not_wait_for_its_timeout(make):
    """The timeout is an hour."""
    wrapped, answers = Doubler(), Answers()
    session = make(wrapped, max_batch_size=2, batch_timeout_micros=3_600_000_000)
    session.submit(x(1), ["y:0"], answers)
    session.submit(x(2), ["y:0"], answers)

    assert [[2], [4]] == answers.wait(2)
    assert [[1, 2]] == wrapped.batches


def test_a_batch_waits_as_long_as_configured_and_not_much_longer(make):
    """From its first task on."""
    session = make(Doubler(), batch_timeout_micros=50_000)

    for _ in range(3):
        started = time.monotonic()
        session.run(x(1), ["y:0"])
        assert 0.05 <= time.monotonic() - started < 2


def test_the_earliest_timeout_wakes_a_thread_first(make):
    """A queue whose time is near does not wait for one whose time is far."""
    far = make(Doubler(), threads=2, batch_timeout_micros=3_600_000_000)
    near = make(Doubler(), scheduler=make.schedulers[0], batch_timeout_micros=20_000)
    late, answers = Answers(), Answers()
    far.submit(x(1), ["y:0"], late)
    for _ in range(3):
        near.submit(x(1), ["y:0"], answers)
        answers.wait(1)

    assert [] == late.values
    far.close()
    assert [[2]] == late.values


def test_a_slow_model_does_not_stop_another_while_a_thread_is_free(make):
    """Each batch holds one thread of the pool."""
    slow, quick = Doubler(), Doubler()
    slow_session = make(slow, threads=2)
    quick_session = make(quick, scheduler=make.schedulers[0])
    waiting = hold(slow_session, slow)

    assert [2] == quick_session.run(x(1), ["y:0"])["y:0"].tolist()
    assert [] == waiting.values
    slow.gate.set()
    waiting.wait(1)


def test_models_are_served_in_turn(make):
    """One with many batches does not keep the thread from one with few."""
    first, second = Doubler(), Doubler()
    order, answers = [], Answers()
    session = make(first, max_batch_size=1)
    other = make(second, scheduler=make.schedulers[0], max_batch_size=1)
    hold(session, first)

    def note(name):
        def done(outputs, error):
            order.append(name)
            answers({"y:0": np.zeros(1)}, error)

        return done

    for _ in range(3):
        session.submit(x(1), ["y:0"], note("a"))
    for _ in range(3):
        other.submit(x(1), ["y:0"], note("b"))
    first.gate.set()
    answers.wait(6)

    assert ["a", "b"] * 3 == order


def test_calls_with_other_outputs_or_dtypes_have_queues_of_their_own(make):
    """An output_filter makes its own queue; a wrong dtype spoils nobody else's batch."""
    wrapped, answers = Doubler(), Answers()
    session = make(wrapped)
    hold(session, wrapped)
    session.submit(x(1), ["y:0"], answers)
    session.submit(x(2), ["y:0", "sum:0"], answers)
    session.submit(x(3), ["sum:0", "y:0"], answers)
    session.submit({"x:0": np.array([4], np.int64)}, ["y:0"], answers)
    wrapped.gate.set()
    answers.wait(4)

    assert [[0], [1], [2, 3], [4]] == wrapped.batches


def test_queues_do_not_pile_up(make):
    """Idle ones of calls that were made once are forgotten."""
    session = make(Doubler())
    for index in range(MAX_QUEUES + 20):
        session.run(x(1), [f"{index}:0"])

    assert MAX_QUEUES >= len(session._queues)


def test_rows_are_added_up_to_an_allowed_size_and_cut_off_again(make):
    """With copies of the last task's first row."""
    wrapped = Doubler()
    session = make(wrapped, max_batch_size=4, allowed_batch_sizes=(2, 4))

    assert [2, 4, 6] == session.run(x(1, 2, 3), ["y:0"])["y:0"].tolist()
    assert [[1, 2, 3, 1]] == wrapped.batches


def test_a_call_of_no_rows_is_answered(make):
    """With no rows, and nothing to pad with."""
    session = make(Doubler(), max_batch_size=4, allowed_batch_sizes=(2, 4))

    assert [] == session.run(x(), ["y:0"])["y:0"].tolist()


def test_a_large_call_runs_in_pieces(make):
    """Its answer is whole again."""
    wrapped = Doubler()
    session = make(
        wrapped, threads=2, max_batch_size=100, enable_large_batch_splitting=True, max_execution_batch_size=4
    )
    rows = list(range(1, 12))

    assert [2 * row for row in rows] == session.run(x(*rows), ["y:0"])["y:0"].tolist()
    assert [3, 4, 4] == sorted(map(len, wrapped.batches))


def test_one_failed_piece_fails_the_call(make):
    """With the error that came first."""

    class Picky(Doubler):
        def run(self, feeds, fetches, timeout_s=None):
            if 5 in feeds["x:0"]:
                raise FailedPrecondition("five")
            return super().run(feeds, fetches, timeout_s)

    session = make(Picky(), max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=2)

    with pytest.raises(FailedPrecondition, match=r"^five$"):
        session.run(x(1, 2, 3, 4, 5, 6, 7), ["y:0"])
    assert [2] == session.run(x(1), ["y:0"])["y:0"].tolist()


@pytest.mark.parametrize(
    ("feeds", "kind", "message"),
    [
        ({}, InvalidArgument, "Batching Run() must have at least one input tensor"),
        (
            {"x:0": np.float32(1) * np.ones(())},
            InvalidArgument,
            "Batching Run() input tensors must have at least one dimension",
        ),
        (
            {"x:0": np.ones(1), "z:0": np.ones(2)},
            InvalidArgument,
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
        (x(1, 2, 3, 4, 5), InvalidArgument, "Task size 5 is larger than maximum input batch size 4"),
    ],
)
def test_calls_that_cannot_be_batched_are_refused_at_once(make, feeds, kind, message):
    """By both faces, without calling `done`; the model is not asked."""
    wrapped, answers = Doubler(), Answers()
    session = make(wrapped, max_batch_size=4)
    for call in (lambda: session.run(feeds, ["y:0"]), lambda: session.submit(feeds, ["y:0"], answers)):
        with pytest.raises(kind) as raised:
            call()
        assert message == str(raised.value)

    assert ([], []) == (wrapped.batches, answers.errors)


def test_a_full_queue_refuses_and_the_rest_is_answered(make):
    """A running batch does not count."""
    wrapped, answers = Doubler(), Answers()
    session = make(wrapped, max_batch_size=1, max_enqueued_batches=2)
    hold(session, wrapped)
    session.submit(x(1), ["y:0"], answers)
    session.submit(x(2), ["y:0"], answers)

    with pytest.raises(Unavailable) as raised:
        session.submit(x(3), ["y:0"], answers)
    wrapped.gate.set()

    assert (
        "The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and "
        "max_enqueued_batches is 2"
    ) == str(raised.value)
    assert [[2], [4]] == answers.wait(2)


def test_a_batch_whose_tasks_have_all_waited_too_long_is_not_run(make):
    """Upstream's text and code, not DEADLINE_EXCEEDED."""
    wrapped, answers = Doubler(), Answers()
    session = make(wrapped)
    hold(session, wrapped)
    past = time.monotonic()
    session.submit(x(1), ["y:0"], answers, past)
    session.submit(x(2), ["y:0"], answers, past)
    wrapped.gate.set()
    answers.wait(2)

    assert [ResourceExhausted] * 2 == [type(error) for error in answers.errors]
    assert ["Run() timeout exceeded while waiting in batching queue"] * 2 == [str(error) for error in answers.errors]
    assert [[0]] == wrapped.batches


def test_what_nobody_waits_for_any_more_is_left_out_of_its_batch(make):
    """Its time is up, or its client has gone; a client that has not is answered."""
    wrapped, answers, late, gone = Doubler(), Answers(), Answers(), Answers()
    session = make(wrapped)
    hold(session, wrapped)
    client, leaver = SimpleNamespace(cancelled=False), SimpleNamespace(cancelled=False)
    session.submit(x(1), ["y:0"], answers, None, client)
    session.submit(x(2), ["y:0"], late, time.monotonic())
    session.submit(x(3, 4), ["y:0"], gone, None, leaver)
    session.submit(x(5), ["y:0"], answers)
    leaver.cancelled = True
    wrapped.gate.set()

    assert [[2], [10]] == answers.wait(2)
    assert [None] == late.wait(1) == gone.wait(1)
    assert [Code.RESOURCE_EXHAUSTED, Code.CANCELLED] == [late.errors[0].code, gone.errors[0].code]
    assert [[0], [1, 5]] == wrapped.batches


def test_the_pieces_of_a_large_call_are_left_out_when_its_client_has_gone(make):
    """It is answered once."""
    wrapped, gone = Doubler(), Answers()
    session = make(
        wrapped, max_batch_size=5, enable_large_batch_splitting=True, max_execution_batch_size=2, max_enqueued_batches=9
    )
    held = hold(session, wrapped)
    session.submit(x(1, 2, 3), ["y:0"], gone, None, SimpleNamespace(cancelled=True))
    wrapped.gate.set()

    assert [[0]] == held.wait(1)
    assert [None] == gone.wait(1)
    assert [[0]] == wrapped.batches


def test_a_batch_may_take_as_long_as_its_most_patient_task(make):
    """One without a deadline makes it unlimited."""
    wrapped, answers = Doubler(), Answers()
    session = make(wrapped)
    for patience in ((10, 50, 20), (50, None)):
        hold(session, wrapped)
        now = time.monotonic()
        for seconds in patience:
            session.submit(x(1), ["y:0"], answers, None if seconds is None else now + seconds)
        wrapped.gate.set()
        answers.wait(len(patience))

    assert 40 < wrapped.timeouts[1] <= 50
    assert None is wrapped.timeouts[3]
    assert [[2]] * 5 == answers.values


def test_the_blocking_face_passes_its_timeout_on(make):
    """Less what was spent in the queue."""
    wrapped = Doubler()
    make(wrapped).run(x(1), ["y:0"], 50)

    assert 40 < wrapped.timeouts[0] <= 50


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (np.array(1.0), "Batched output tensor has 0 dimensions"),
        (
            np.zeros(3),
            (
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors"
            ),
        ),
    ],
)
def test_a_model_that_is_not_batch_wise_fails_its_calls(make, output, message):
    """Also when a call is alone in its batch."""
    wrapped = Doubler()
    wrapped.run = lambda *_: {"y:0": output}

    with pytest.raises(FailedPrecondition) as raised:
        make(wrapped).run(x(1), ["y:0"])

    assert message == str(raised.value)


def test_different_shapes_fail_the_whole_batch_unless_padding_is_on(make):
    """As upstream; with padding each gets its padded rows back."""
    for pad, expected in ((False, [None, None]), (True, [[[2, 2]], [[4, 6]]])):
        wrapped, answers = Doubler(), Answers()
        session = make(wrapped, pad_variable_length_inputs=pad)
        hold(session, wrapped)
        session.submit({"x:0": np.array([[1]], np.float32)}, ["y:0"], answers)
        session.submit({"x:0": np.array([[2, 3]], np.float32)}, ["y:0"], answers)
        wrapped.gate.set()

        assert expected == answers.wait(2)
        assert [None if pad else Code.FAILED_PRECONDITION] * 2 == [e and e.code for e in answers.errors]


def test_a_model_that_raises_fails_its_batch_and_no_other(make):
    """Whatever it raises; the thread lives on."""
    wrapped = Doubler()
    work = wrapped.run

    def run(feeds, fetches, timeout_s=None):
        if feeds["x:0"][0] < 0:
            raise {-1: InvalidArgument("bad"), -2: ValueError("worse")}[int(feeds["x:0"][0])]
        return work(feeds, fetches, timeout_s)

    wrapped.run = run
    session = make(wrapped)
    for value, kind, message in ((-1, InvalidArgument, "bad"), (-2, Unknown, "ValueError: worse")):
        with pytest.raises(ServingError) as raised:
            session.run(x(value), ["y:0"])
        assert (kind, message) == (type(raised.value), str(raised.value))

    assert [2] == session.run(x(1), ["y:0"])["y:0"].tolist()


def test_an_answer_that_raises_keeps_the_others_from_nothing(make):
    """It is the caller's fault; the rest of the batch is answered."""
    wrapped, answers = Doubler(), Answers()
    session = make(wrapped)
    hold(session, wrapped)

    def broken(outputs, error):
        raise RuntimeError

    session.submit(x(1), ["y:0"], broken)
    session.submit(x(2), ["y:0"], answers)
    wrapped.gate.set()

    assert [[4]] == answers.wait(1)


def test_closing_answers_what_waits_and_then_closes_the_session(make):
    """Without waiting for timeouts; a call after it is refused."""
    wrapped, answers = Doubler(), Answers()
    session = make(wrapped, batch_timeout_micros=3_600_000_000)
    for value in (1, 2, 3):
        session.submit(x(value), ["y:0"], answers)

    session.close()

    assert [[2], [4], [6]] == answers.values
    assert wrapped.closed
    with pytest.raises(Unavailable, match=r"is closed$"):
        session.run(x(1), ["y:0"])


@pytest.mark.parametrize("patient", [False, True])
def test_closing_waits_for_a_batch_that_hangs_only_as_long_as_its_callers_do(make, patient):
    """The running batch and what waits behind it; a call without a deadline is waited for."""
    wrapped = Doubler()
    session = make(wrapped)
    deadline = time.monotonic() + 0.2
    wrapped.gate.clear()
    session.submit(x(1), ["y:0"], Answers(), deadline)
    assert wrapped.started.acquire(timeout=LIMIT_S)
    session.submit(x(2), ["y:0"], Answers(), None if patient else deadline)
    closing = threading.Thread(target=session.close)
    closing.start()

    closing.join(0.5 if patient else LIMIT_S)
    assert (patient, not patient) == (closing.is_alive(), wrapped.closed)
    wrapped.gate.set()
    closing.join(LIMIT_S)
    assert wrapped.closed


def test_closing_the_scheduler_answers_what_waits(make):
    """And ends its threads."""
    wrapped, answers = Doubler(), Answers()
    session = make(wrapped, threads=2, batch_timeout_micros=3_600_000_000)
    session.submit(x(1), ["y:0"], answers)
    scheduler = make.schedulers[0]

    scheduler.close()

    assert [[2]] == answers.values
    assert not any(thread.is_alive() for thread in scheduler._threads)
    with pytest.raises(Unavailable, match=r"is closed$"):
        session.run(x(1), ["y:0"])


def test_a_model_that_hangs_keeps_no_thread_from_others(make):
    """Once its callers have given up, another thread serves in place of the one that hangs, which ends when it can."""
    hanging, other, answers = Doubler(), Doubler(), Answers()
    session = make(hanging)
    scheduler = make.schedulers[0]
    others = make(other, scheduler=scheduler)
    hanging.gate.clear()
    session.submit(x(1), ["y:0"], answers, time.monotonic() + 0.01)
    assert hanging.started.acquire(timeout=LIMIT_S)
    (hung,) = scheduler._threads
    waiting = Answers()
    others.submit(x(0), ["y:0"], waiting)
    assert threading.Event().wait(0.15) is False

    assert [2] == others.run(x(1), ["y:0"])["y:0"].tolist()
    assert [[0]] == waiting.wait(1)

    hanging.gate.set()
    assert [[2]] == answers.wait(1)
    hung.join(LIMIT_S)
    assert [True] == [thread.is_alive() for thread in scheduler._threads]
    assert [4] == others.run(x(2), ["y:0"])["y:0"].tolist()


def test_closing_the_scheduler_waits_only_so_long_for_a_model_that_hangs(make):
    """The process ends all the same: the threads are daemons."""
    hanging, answers = Doubler(), Answers()
    session = make(hanging)
    hanging.gate.clear()
    session.submit(x(1), ["y:0"], answers)
    assert hanging.started.acquire(timeout=LIMIT_S)

    make.schedulers[0].close(patience_s=0.01)

    hanging.gate.set()
    assert [[2]] == answers.wait(1)


def test_a_quick_model_is_spared_the_cost_of_limits(make):
    """After some runs; a near deadline still counts."""
    wrapped = Doubler()
    session = make(wrapped)
    for _ in range(ENOUGH_RUNS):
        session.run(x(1), ["y:0"], 3600)
    session.run(x(1), ["y:0"], 3600)

    assert [False] * ENOUGH_RUNS + [True] == [limit is None for limit in wrapped.timeouts]


def test_a_pool_without_threads_is_refused():
    """In upstream's words."""
    with pytest.raises(InvalidArgument, match=r"^num_batch_threads must be positive; was 0$"):
        SharedBatchScheduler(0)


def test_thousands_of_calls_wait_without_a_thread_each(make):
    """And all are answered right."""
    wrapped = Doubler()
    session = make(wrapped, threads=2, max_batch_size=64, max_enqueued_batches=1000)
    before = threading.active_count()
    hold(session, wrapped)
    got = {}
    arrived = threading.Semaphore(0)
    for value in range(5000):

        def done(outputs, error, value=value):
            got[value] = outputs["y:0"].tolist()
            arrived.release()

        session.submit(x(value), ["y:0"], done)
    assert before == threading.active_count()
    wrapped.gate.set()
    for _ in range(5000):
        assert arrived.acquire(timeout=LIMIT_S)

    assert {value: [2 * value] for value in range(5000)} == got
    assert 64 >= max(map(len, wrapped.batches))


def test_many_blocking_callers_each_get_their_own_rows(make):
    """Eight threads, short timeouts, splitting on, two batch threads."""
    session = make(
        Doubler(),
        threads=2,
        max_batch_size=16,
        batch_timeout_micros=200,
        enable_large_batch_splitting=True,
        max_execution_batch_size=5,
        max_enqueued_batches=1000,
    )

    def call(start):
        rows = [start + i for i in range(start % 13)]
        return [2.0 * row for row in rows] == session.run(x(*rows), ["y:0"])["y:0"].tolist()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(600)))


def test_batching_is_counted(make):
    """By upstream's metrics."""
    registry, wrapped = Registry(), Doubler()
    session = make(wrapped, registry=registry, max_batch_size=4, allowed_batch_sizes=(4,))
    session.run(x(1, 2, 3), ["y:0"])
    with pytest.raises(InvalidArgument):
        session.run({}, ["y:0"])

    name = "/tensorflow/serving/batching_session/"
    metrics = {metric.name.removeprefix(name): metric for metric in registry.metrics()}
    sums = {
        key: {labels: cell.distribution().sum for labels, cell in metrics[key].cells()}
        for key in ("padding_size", "input_batch_size", "processed_batch_size")
    }
    assert {
        "padding_size": {("4",): 1},
        "input_batch_size": {(): 3},
        "processed_batch_size": {(): 4},
    } == sums
    assert 1 == registry.value(name + "wrapped_run_count")
    (((pool,), cell),) = metrics["queuing_latency"].cells()
    assert ("", 1) == (pool, sum(cell.distribution().counts))


def test_all_models_are_batched_by_the_servers_parameters(tmp_path):
    """Or by none of them if they do not fit."""
    batcher = SessionBatcher(BatchingParameters(num_batch_threads=1), Registry())
    session = batcher.wrap(Doubler(), str(tmp_path))

    assert [2] == session.run(x(1), ["y:0"])["y:0"].tolist()
    session.close()
    batcher.close()

    batcher = SessionBatcher(BatchingParameters(allowed_batch_sizes=(2,), num_batch_threads=1), Registry())
    with pytest.raises(InvalidArgument, match=r"^Last entry in allowed_batch_sizes must match"):
        batcher.wrap(Doubler(), str(tmp_path))
    batcher.close()


def test_a_model_is_batched_by_the_parameters_in_its_own_folder(tmp_path):
    """One without them is not batched; one with unreadable ones does not load."""
    batcher = SessionBatcher(BatchingParameters(num_batch_threads=1), Registry(), per_model=True)
    plain = Doubler()
    assert plain is batcher.wrap(plain, str(tmp_path))

    file = tmp_path / "batching_params.pbtxt"
    file.write_text("max_batch_size { value: 2 }")
    with pytest.raises(InvalidArgument, match=r"^Task size 3 is larger than maximum input batch size 2$"):
        batcher.wrap(Doubler(), str(tmp_path)).run(x(1, 2, 3), ["y:0"])

    file.write_text("what?")
    with pytest.raises(InvalidArgument, match=f"^Invalid protobuf file: '{file}'$"):
        batcher.wrap(Doubler(), str(tmp_path))
    batcher.close()
