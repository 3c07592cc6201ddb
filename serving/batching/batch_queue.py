"""BatchQueue: the batches of one queue, closed ones and the open one behind them. No locks, no clock, no threads.

Source: tensorflow/core/kernels/batching_util/shared_batch_scheduler.h at 2.20.0 (internal::Queue).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving.batching.batch_task import Batch, BatchTask
from serving.errors import InvalidArgument, Unavailable

if TYPE_CHECKING:
    from serving.batching.batching_parameters import BatchingParameters

# Cuts a task into pieces of these sizes.
Split = Callable[[BatchTask, Sequence[int]], "list[BatchTask]"]
_FULL = "The batch scheduling queue to which this task was submitted is full"


@dataclass(frozen=True)
class QueueOptions:
    """The limits of one queue; see BatchingParameters."""

    input_batch_size_limit: int = 1000
    batch_timeout_s: float = 0.0
    max_enqueued_batches: int = 10
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 1000

    @property
    def batch_size(self) -> int:
        """Rows that no batch exceeds."""
        return self.max_execution_batch_size if self.enable_large_batch_splitting else self.input_batch_size_limit


def queue_options(parameters: BatchingParameters) -> QueueOptions:
    """The limits that the parameters ask for.

    Raises: InvalidArgument for limits that no queue can keep.
    """
    splitting, execution = parameters.enable_large_batch_splitting, parameters.max_execution_batch_size
    options = QueueOptions(
        input_batch_size_limit=parameters.max_batch_size,
        batch_timeout_s=parameters.batch_timeout_micros / 1e6,
        # Without splitting upstream reads 0 as 1, for models made before it was checked.
        max_enqueued_batches=parameters.max_enqueued_batches or int(not splitting),
        enable_large_batch_splitting=splitting,
        max_execution_batch_size=parameters.max_batch_size if execution is None else execution,
    )
    _check(options, parameters.batch_timeout_micros)
    return options


def _check(options: QueueOptions, batch_timeout_micros: int) -> None:
    limit, execution = options.input_batch_size_limit, options.max_execution_batch_size
    if limit <= 0:
        raise InvalidArgument(f"input_batch_size_limit must be positive; was {limit}")
    if batch_timeout_micros < 0:
        raise InvalidArgument(f"batch_timeout_micros must be non-negative; was {batch_timeout_micros}")
    if options.max_enqueued_batches <= 0:
        raise InvalidArgument(f"max_enqueued_batches must be positive; was {options.max_enqueued_batches}")
    if not options.enable_large_batch_splitting:
        return
    if execution <= 0:
        raise InvalidArgument(f"max_execution_batch_size must be positive; was {execution}")
    if limit < execution:
        # Upstream appends the three values without blanks.
        raise InvalidArgument(
            "When enable_large_batch_splitting is true, input_batch_size_limit must be greater than or equal to "
            f"max_execution_batch_size.1{limit}{execution}"
        )


class BatchQueue:
    """Tasks in the order they came; never more than the limits allow. Its owner holds a lock around every call."""

    def __init__(self, options: QueueOptions, split: Split) -> None:
        self.closed = False
        self._options = options
        self._split = split
        # All but the last are closed: nothing is added to them.
        self._batches = deque([Batch()])

    def join(self, task: BatchTask) -> bool:
        """The common case: adds the task to the open batch if it can without a check and without making it run."""
        batch = self._batches[-1]
        size = batch.size + task.size
        if size >= self._options.batch_size or not batch.tasks or self.closed:
            return False
        batch.tasks.append(task)
        batch.size = size
        return True

    def add(self, task: BatchTask, now: float) -> int:
        """Takes the task in, in pieces if need be. Returns how many batches can run now that could not before.

        Raises: InvalidArgument for a task above the limit, Unavailable if the queue is full or closed.
        """
        self._check_capacity(task.size)
        before = self._runnable(now)
        for piece in self._pieces(task):
            if self._batches[-1].size + piece.size > self._options.batch_size:
                self._batches.append(Batch())
            self._batches[-1].add(piece, now)
        return self._runnable(now) - before

    def take(self, now: float) -> Batch | None:
        """The first batch, if it can run now."""
        if now < self.due():
            return None
        if len(self._batches) == 1:
            self._batches.append(Batch())
        return self._batches.popleft()

    def due(self) -> float:
        """From when on the first batch can run, on the clock of `now`; infinity if nothing waits."""
        return -math.inf if len(self._batches) > 1 else self._open_due()

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._batches[0].tasks

    def deadline(self) -> float:
        """Until when somebody waits for what is in it; see Batch.deadline."""
        return max(batch.deadline() for batch in self._batches)

    def num_enqueued_tasks(self) -> int:
        """Tasks, or pieces of them, that wait."""
        return sum(len(batch.tasks) for batch in self._batches)

    def _runnable(self, now: float) -> int:
        return len(self._batches) - 1 + (now >= self._open_due())

    def _open_due(self) -> float:
        batch = self._batches[-1]
        if not batch.tasks:
            return math.inf
        if self.closed or batch.size >= self._options.batch_size:
            return -math.inf
        return batch.opened_at + self._options.batch_timeout_s

    def _pieces(self, task: BatchTask) -> list[BatchTask]:
        limit = self._options.batch_size
        room = limit - self._batches[-1].size
        if task.size <= room or not self._options.enable_large_batch_splitting:
            return [task]
        sizes = [room] if room else []
        sizes += [min(limit, task.size - start) for start in range(room, task.size, limit)]
        return self._split(task, sizes)

    def _check_capacity(self, size: int) -> None:
        limit = self._options.input_batch_size_limit
        if self.closed:
            raise Unavailable("The batch scheduling queue to which this task was submitted is closed")
        if size > limit:
            raise InvalidArgument(f"Task size {size} is larger than maximum input batch size {limit}")
        if self._options.enable_large_batch_splitting:
            self._check_splitting_capacity(size)
        elif self._batches[-1].size + size > limit and len(self._batches) >= self._options.max_enqueued_batches:
            raise Unavailable(
                f"{_FULL}; currently {len(self._batches)} batches enqueued and max_enqueued_batches is "
                f"{self._options.max_enqueued_batches}"
            )

    def _check_splitting_capacity(self, size: int) -> None:
        limit, most, count = self._options.batch_size, self._options.max_enqueued_batches, len(self._batches)
        capacity = (most - count + 1) * limit - self._batches[-1].size
        if size > capacity:
            raise Unavailable(
                f"{_FULL}; task size is {size} but scheduling capacity is only {capacity} "
                f"(num_enqueued_batches={count}, max_enqueued_batches={most}, "
                f"open_batch_size={self._batches[-1].size}, max_execution_batch_size={limit})"
            )
