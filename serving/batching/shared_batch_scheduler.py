"""SharedBatchScheduler: one pool of threads for the batches of all models, whose queues are served in turn.

Upstream's threads look every millisecond whether a batch's time has come; these sleep until it has.
Source: tensorflow/core/kernels/batching_util/shared_batch_scheduler.h at 2.20.0.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable

from serving.batching.batch_queue import BatchQueue, QueueOptions, Split
from serving.batching.batch_task import Batch, BatchTask
from serving.errors import InvalidArgument

log = logging.getLogger(__name__)
ProcessBatch = Callable[[Batch], None]


class SharedBatchScheduler:
    """The threads start at once and end with `close`; a thread that waits costs nothing.

    Raises: InvalidArgument for less than one thread.
    """

    def __init__(self, num_batch_threads: int, thread_pool_name: str = "batch_threads") -> None:
        if num_batch_threads < 1:
            raise InvalidArgument(f"num_batch_threads must be positive; was {num_batch_threads}")
        self.wake = threading.Condition(threading.Lock())
        # Queues in which something waits, in the order in which they are served.
        self._active: deque[QueueHandle] = deque()
        self._idle = 0
        # When the one thread that watches the clock wakes.
        self._timer_at = math.inf
        self._stopped = False
        names = (f"{thread_pool_name}_{index}" for index in range(num_batch_threads))
        self._threads = [threading.Thread(target=self._serve, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def add_queue(self, options: QueueOptions, split: Split, process_batch: ProcessBatch) -> QueueHandle:
        """A queue of its own; `process_batch` is called on a batch thread and has to answer every task."""
        return QueueHandle(self, BatchQueue(options, split), process_batch)

    def close(self) -> None:
        """Runs what waits, closed queue or not, and ends the threads."""
        with self.wake:
            self._stopped = True
            for handle in self._active:
                handle.queue.closed = True
            self.wake.notify_all()
        for thread in self._threads:
            thread.join()

    def enqueue(self, handle: QueueHandle, task: BatchTask) -> None:
        """Puts the task into the handle's queue. Raises what BatchQueue.add raises."""
        queue = handle.queue
        with self.wake:
            if queue.join(task):
                return
            queue.closed = queue.closed or self._stopped
            was_empty = queue.is_empty()
            runnable = queue.add(task, task.enqueued_at)
            if was_empty:
                self._active.append(handle)
            if runnable:
                self.wake.notify(runnable)
            elif was_empty and queue.due() < self._timer_at:
                self.wake.notify()

    def _serve(self) -> None:
        finished: QueueHandle | None = None
        while found := self._next(finished):
            finished, batch = found
            try:
                finished.process_batch(batch)
            except Exception:
                log.exception("a batch could not be answered")

    def _next(self, finished: QueueHandle | None) -> tuple[QueueHandle, Batch] | None:
        """Waits for a batch; None: no more will come."""
        with self.wake:
            if finished is not None:
                finished.batch_is_done()
            while True:
                found = self._take()
                if found is not None or self._stopped:
                    return found
                self._wait()

    def _take(self) -> tuple[QueueHandle, Batch] | None:
        now = time.monotonic()
        for _ in range(len(self._active)):
            handle = self._active.popleft()
            batch = handle.queue.take(now)
            if not handle.queue.is_empty():
                self._active.append(handle)
            if batch is not None:
                handle.running += 1
                self._pass_the_clock_on()
                return handle, batch
        return None

    def _pass_the_clock_on(self) -> None:
        """A batch that comes next may be due before the watching thread wakes, or there is no such thread any more."""
        if self._idle and self._due() < self._timer_at:
            self.wake.notify()

    def _due(self) -> float:
        return min((handle.queue.due() for handle in self._active), default=math.inf)

    def _wait(self) -> None:
        due = self._due()
        self._idle += 1
        if due < self._timer_at:
            self._timer_at = due
            self.wake.wait(max(0.0, due - time.monotonic()))
            if self._timer_at == due:
                self._timer_at = math.inf
        else:
            self.wake.wait()
        self._idle -= 1


class QueueHandle:
    """One queue of the scheduler, for tasks that can run together."""

    def __init__(self, scheduler: SharedBatchScheduler, queue: BatchQueue, process_batch: ProcessBatch) -> None:
        self.queue = queue
        self.process_batch = process_batch
        self.running = 0
        self._scheduler = scheduler
        self._drained = threading.Event()

    def schedule(self, task: BatchTask) -> None:
        """Puts a task into the queue, without blocking.

        Raises: InvalidArgument for a task above the limit, Unavailable if the queue is full or closed; the task is not
          answered then.
        """
        self._scheduler.enqueue(self, task)

    def num_enqueued_tasks(self) -> int:
        """Tasks that wait; those of running batches do not count."""
        with self._scheduler.wake:
            return self.queue.num_enqueued_tasks()

    def close(self) -> None:
        """Takes nothing more, runs what waits without further delay and blocks until that is done."""
        with self._scheduler.wake:
            self.queue.closed = True
            self._note_if_drained()
            self._scheduler.wake.notify()
        self._drained.wait()

    def batch_is_done(self) -> None:
        """Counts a batch as done; the scheduler's lock is held."""
        self.running -= 1
        self._note_if_drained()

    def _note_if_drained(self) -> None:
        if self.queue.closed and not self.running and self.queue.is_empty():
            self._drained.set()
