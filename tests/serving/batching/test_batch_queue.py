"""The queue is pure: time is a number here."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.batching.batch_queue import BatchQueue, QueueOptions
from serving.batching.batch_task import BatchTask
from serving.batching.split_input_task import split_input_task
from serving.errors import InvalidArgument, Unavailable


def task(size, name=0):
    """A task whose rows say which task they are of."""
    return BatchTask({"x": np.full((size, 1), name)}, size, print, None, 0.0)


def queue(limit=4, timeout_s=1.0, enqueued=2, execution=None):
    """A queue; `execution` turns splitting on."""
    return BatchQueue(
        QueueOptions(limit, timeout_s, enqueued, execution is not None, execution or limit), split_input_task
    )


def sizes(batch):
    """Rows of each task of a batch; None: there was none."""
    return batch and [task.size for task in batch.tasks]


def test_a_batch_runs_when_its_first_task_has_waited_long_enough():
    """The time of later tasks does not count."""
    q = queue()

    assert math.inf == q.due()
    assert 0 == q.add(task(1), 10.0)
    assert 0 == q.add(task(2), 10.9)
    assert 11.0 == q.due()
    assert None is q.take(10.99)
    assert [1, 2] == sizes(q.take(11.0))
    assert q.is_empty()


def test_a_full_batch_runs_at_once():
    """It is told of once."""
    q = queue()

    assert [0, 1] == [q.add(task(2), 10.0), q.add(task(2), 10.0)]
    assert [2, 2] == sizes(q.take(10.0))


def test_a_task_that_does_not_fit_closes_the_batch_and_opens_the_next():
    """The new batch waits for its own time."""
    q = queue()
    q.add(task(3), 10.0)

    assert 1 == q.add(task(2), 10.5)
    assert [3] == sizes(q.take(10.5))
    assert 11.5 == q.due()


def test_without_a_timeout_a_lone_task_runs_at_once():
    """And others that come before a thread takes it go with it, untold."""
    q = queue(timeout_s=0.0)

    assert [1, 0] == [q.add(task(1), 10.0), q.add(task(1), 10.0)]
    assert [1, 1] == sizes(q.take(10.0))


def test_a_closed_queue_waits_for_nobody():
    """What is in it runs at once; nothing more comes in."""
    q = queue()
    q.add(task(1), 10.0)
    q.closed = True

    assert [1] == sizes(q.take(10.0))
    with pytest.raises(Unavailable, match=r"is closed$"):
        q.add(task(1), 10.0)


def test_a_task_of_no_rows_is_a_task():
    """It runs alone if nothing else comes."""
    q = queue()
    q.add(task(0), 10.0)

    assert [0] == sizes(q.take(11.0))


def test_a_task_above_the_limit_is_refused():
    """In upstream's words."""
    with pytest.raises(InvalidArgument, match=r"^Task size 5 is larger than maximum input batch size 4$"):
        queue().add(task(5), 10.0)


def test_a_full_queue_refuses():
    """What fits into the open batch still goes in."""
    q = queue()
    q.add(task(4), 10.0)
    q.add(task(3), 10.0)

    with pytest.raises(Unavailable) as raised:
        q.add(task(2), 10.0)
    q.add(task(1), 10.0)

    assert (
        "The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and "
        "max_enqueued_batches is 2"
    ) == str(raised.value)
    assert 3 == q.num_enqueued_tasks()


def test_splitting_fills_the_open_batch_first():
    """Then whole batches, then what is left."""
    q = queue(limit=20, enqueued=10, execution=4)
    q.add(task(3), 10.0)

    assert 3 == q.add(task(11), 10.0)
    assert [[3, 1], [4], [4]] == [sizes(q.take(10.0)) for _ in range(3)]
    assert 11.0 == q.due()
    assert [2] == sizes(q.take(11.0))


def test_a_full_queue_with_splitting_says_how_much_would_fit():
    """In upstream's words."""
    q = queue(limit=20, enqueued=3, execution=4)
    q.add(task(5), 10.0)

    with pytest.raises(Unavailable) as raised:
        q.add(task(8), 10.0)

    assert (
        "The batch scheduling queue to which this task was submitted is full; task size is 8 but scheduling capacity "
        "is only 7 (num_enqueued_batches=2, max_enqueued_batches=3, open_batch_size=1, max_execution_batch_size=4)"
    ) == str(raised.value)
    q.add(task(7), 10.0)


@given(
    st.integers(1, 9),
    st.one_of(st.none(), st.integers(1, 9)),
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 10), st.booleans()), max_size=40),
)
def test_rows_come_out_in_order_and_no_batch_is_too_large(limit, execution, enqueued, steps):
    """Whatever the sizes, limits and moments of taking; nothing is lost, nothing doubled."""
    execution = execution and min(execution, limit)
    q = queue(limit, 0.0, enqueued, execution)
    put, got, batches = [], [], []
    for name, (size, take) in enumerate(steps):
        try:
            q.add(task(size, name), 0.0)
            put += [name] * size
        except (InvalidArgument, Unavailable):
            pass
        if take and (batch := q.take(0.0)):
            batches.append(batch)
    while batch := q.take(0.0):
        batches.append(batch)
    for batch in batches:
        got += np.concatenate([t.feeds["x"] for t in batch.tasks]).ravel().tolist()

    assert put == got
    assert all(batch.size <= (execution or limit) for batch in batches)
    assert all(batch.size == sum(len(t.feeds["x"]) for t in batch.tasks) for batch in batches)
