"""BatchingSession: a session whose calls wait in a queue, run together on dimension 0 and are split again.

Source: TF Serving batching/batching_session.cc at 2.20.0.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from serving.batching.batch_queue import queue_options
from serving.batching.batch_task import Batch, BatchTask, Done
from serving.batching.merge import batch_size_of, merge_inputs, round_to_lowest_allowed_batch_size, split_outputs
from serving.batching.run_pace import RunPace
from serving.batching.split_input_task import split_input_task
from serving.errors import ServingError, from_exception

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.batching.batching_parameters import BatchingParameters
    from serving.batching.shared_batch_scheduler import QueueHandle, SharedBatchScheduler
    from serving.exchange import Client
    from serving.monitoring.serving_metrics import BatchingMetrics

Array = NDArray[Any]
log = logging.getLogger(__name__)
# Every distinct output_filter makes a queue; beyond this many the oldest one in which nothing waits goes.
MAX_QUEUES = 256
_LEAST_S = 0.001
_Key = tuple[tuple[tuple[str, int], ...], tuple[str, ...]]


class Runner(Protocol):
    """A session, or what stands for one."""

    def run(
        self, feeds: Mapping[str, Array], fetches: Sequence[str], timeout_s: float | None = None
    ) -> dict[str, Array]:
        """Values by tensor name; blocks."""

    def close(self) -> None:
        """Frees the graph."""


class BatchingSession:
    """Runs what the wrapped session runs; safe from any thread.

    Calls share a batch if they feed the same tensors with the same dtypes and fetch the same tensors. (Upstream looks
    at names only, so that one call of a wrong dtype makes its whole batch fail.)

    Raises: InvalidArgument for parameters that do not fit together.
    """

    def __init__(
        self,
        wrapped: Runner,
        scheduler: SharedBatchScheduler,
        parameters: BatchingParameters,
        metrics: BatchingMetrics,
        thread_pool_name: str = "",
    ) -> None:
        parameters.check_allowed_batch_sizes()
        self._wrapped = wrapped
        self._scheduler = scheduler
        self._parameters = parameters
        self._options = queue_options(parameters)
        self._metrics = metrics
        self._queuing_latency = metrics.queuing_latency.cell(thread_pool_name)
        self._lock = threading.Lock()
        self._queues: dict[_Key, QueueHandle] = {}
        # By tensors in the order in which they were given; several may be one queue's.
        self._known: dict[_Key, QueueHandle] = {}

    def run(
        self, feeds: Mapping[str, Array], fetches: Sequence[str], timeout_s: float | None = None
    ) -> dict[str, Array]:
        """Values by tensor name; blocks until the batch has run.

        Args:
          feeds: By tensor name, each [rows, ...]; do not write into the arrays before the answer.
          timeout_s: In seconds, waiting in the queue included.
        Raises: InvalidArgument for feeds that cannot be batched, Unavailable for a full queue, FailedPrecondition for
          tensors that do not fit the batch, ResourceExhausted for a batch that waited too long; what the session says.
        """
        answer: list[tuple[dict[str, Array] | None, ServingError | None]] = []
        answered = threading.Lock()
        answered.acquire()

        def done(outputs: dict[str, Array] | None, error: ServingError | None) -> None:
            answer.append((outputs, error))
            answered.release()

        self.submit(feeds, fetches, done, None if timeout_s is None else time.monotonic() + timeout_s)
        answered.acquire()
        outputs, error = answer[0]
        if outputs is None:
            raise error or AssertionError
        return outputs

    def submit(
        self,
        feeds: Mapping[str, Array],
        fetches: Sequence[str],
        done: Done,
        deadline: float | None = None,
        client: Client | None = None,
    ) -> None:
        """The same without blocking; returns within microseconds.

        Args:
          done: Called once, on a batch thread, with values by tensor name or an error: FailedPrecondition,
            ResourceExhausted, CANCELLED, what the session says. It must not block.
          deadline: On time.monotonic()'s clock, in seconds.
          client: If it has gone, or the deadline has passed, when the batch is run, the call is left out of it.
        Raises: InvalidArgument for feeds that cannot be batched, Unavailable for a full queue; `done` is not called
          then.
        """
        queue = self._queue(feeds, fetches)
        size = batch_size_of(feeds)
        for _ in feeds:
            self._metrics.input_batch_size.add(size)
        queue.schedule(BatchTask(feeds, size, done, deadline, time.monotonic(), client))

    def adds_nothing(self, rows: int) -> bool:
        """Whether a task of so many rows would not be padded, cut or refused: run at once it is answered the same.

        To wait for others pays where a run is dear; one that is quick enough for the event loop is merged there with
        what comes in the same tick, and waiting would only make it later and its client slower.
        """
        return not self._parameters.allowed_batch_sizes and rows <= self._parameters.max_batch_size

    def record_run(self, sizes: Sequence[int]) -> None:
        """Counts a run, made elsewhere, of tasks of so many rows that needed no batch thread."""
        for size in sizes:
            self._metrics.input_batch_size.add(size)
            self._queuing_latency.add(0)
        self._metrics.processed_batch_size.add(sum(sizes))
        self._metrics.wrapped_run_count.increment()

    def close(self) -> None:
        """Answers what waits, then closes the wrapped session; a batch that hangs is left behind."""
        with self._lock:
            queues = list(self._queues.values())
        for queue in queues:
            queue.close()
        self._wrapped.close()

    def _queue(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> QueueHandle:
        # The order in which a caller names tensors hardly ever changes, so that it may be part of this look-up.
        given = tuple([(name, array.dtype.num) for name, array in feeds.items()]), tuple(fetches)
        found = self._known.get(given)
        return self._find_queue(given) if found is None else found

    def _find_queue(self, given: _Key) -> QueueHandle:
        queue = self._add_queue((tuple(sorted(given[0])), tuple(sorted(set(given[1])))))
        if len(self._known) >= MAX_QUEUES:
            self._known = {}
        self._known[given] = queue
        return queue

    def _add_queue(self, key: _Key) -> QueueHandle:
        pace = RunPace()

        def process(batch: Batch) -> None:
            self._process_batch(key[1], batch, pace)

        with self._lock:
            found = self._queues.get(key)
            if found is None:
                found = self._queues[key] = self._scheduler.add_queue(self._options, split_input_task, process)
            if len(self._queues) > MAX_QUEUES:
                self._forget_an_idle_queue(key)
            return found

    def _forget_an_idle_queue(self, but: _Key) -> None:
        idle = (
            key for key, queue in self._queues.items() if key != but and not queue.running and queue.queue.is_empty()
        )
        oldest = next(idle, None)
        if oldest is not None:
            del self._queues[oldest]

    def _process_batch(self, fetches: Sequence[str], batch: Batch, pace: RunPace) -> None:
        """Runs the batch on this thread and answers each task.

        Upstream runs a batch whole, unless the time of all its tasks is up.
        """
        now = time.monotonic()
        self._queuing_latency.add_all([(now - task.enqueued_at) * 1e6 for task in batch.tasks])
        batch = _wanted(batch, now)
        if not batch.tasks:
            return
        try:
            outputs = self._run(fetches, batch, pace)
        except Exception as error:  # noqa: BLE001 - it is the answer of every task
            _fail(batch, _failure(error))
            return
        for task, own in zip(batch.tasks, outputs, strict=True):
            _answer(task, own, None)

    def _run(self, fetches: Sequence[str], batch: Batch, pace: RunPace) -> list[dict[str, Array]]:
        size = round_to_lowest_allowed_batch_size(self._parameters.allowed_batch_sizes, batch.size)
        self._metrics.padding_size.cell(str(size)).add(size - batch.size)
        self._metrics.processed_batch_size.add(size)
        feeds = merge_inputs(
            [task.feeds for task in batch.tasks], size, pad_variable_length=self._parameters.pad_variable_length_inputs
        )
        self._metrics.wrapped_run_count.increment()
        started = time.monotonic()
        try:
            outputs = self._wrapped.run(feeds, fetches, pace.limit(_time_left(batch, started)))
        finally:
            pace.ran(time.monotonic() - started)
        return split_outputs(outputs, [task.size for task in batch.tasks], size)


def _wanted(batch: Batch, now: float) -> Batch:
    """The batch without those tasks for whose answer nobody waits any more; they are told so."""
    refusals = [task.unwanted(now) for task in batch.tasks]
    if not any(refusals):
        return batch
    wanted = Batch()
    for task, refusal in zip(batch.tasks, refusals, strict=True):
        if refusal is None:
            wanted.add(task, batch.opened_at)
        else:
            _answer(task, None, refusal)
    return wanted


def _time_left(batch: Batch, now: float) -> float | None:
    """Seconds until the last of the tasks' deadlines; None if one has none."""
    deadline = batch.deadline()
    return None if deadline == math.inf else max(deadline - now, _LEAST_S)


def _fail(batch: Batch, error: ServingError) -> None:
    for task in batch.tasks:
        _answer(task, None, error)


def _answer(task: BatchTask, outputs: dict[str, Array] | None, error: ServingError | None) -> None:
    try:
        task.done(outputs, error)
    except Exception:
        log.exception("the answer of a batched call was refused")


def _failure(error: Exception) -> ServingError:
    if not isinstance(error, ServingError):
        log.error("a batch failed", exc_info=error)
    return from_exception(error)
