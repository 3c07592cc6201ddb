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
from itertools import count

from serving.batching.batch_queue import BatchQueue, QueueOptions, Split
from serving.batching.batch_task import Batch, BatchTask
from serving.errors import InvalidArgument

log = logging.getLogger(__name__)
ProcessBatch = Callable[[Batch], None]
# How much longer than its callers wait a batch may run before its thread counts as hanging, and how many threads that
# hang are replaced.
GRACE_S = 0.1
MAX_REPLACED = 64


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
        self._names = (f"{thread_pool_name}_{index}" for index in count())
        # For each running batch's thread, when its callers have given up.
        self._limits: dict[threading.Thread, float] = {}
        self._stuck_at = math.inf
        self._replaced: set[threading.Thread] = set()
        self._threads: set[threading.Thread] = set()
        for _ in range(num_batch_threads):
            self._start_thread()

    def add_queue(self, options: QueueOptions, split: Split, process_batch: ProcessBatch) -> QueueHandle:
        """A queue of its own; `process_batch` is called on a batch thread and has to answer every task."""
        return QueueHandle(self, BatchQueue(options, split), process_batch)

    def close(self, patience_s: float = 5.0) -> None:
        """Runs what waits, closed queue or not, and ends the threads; one that hangs is left behind after a while."""
        with self.wake:
            self._stopped = True
            for handle in self._active:
                handle.queue.closed = True
            self.wake.notify_all()
            threads = list(self._threads)
        end = time.monotonic() + patience_s
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def enqueue(self, handle: QueueHandle, task: BatchTask) -> None:
        """Puts the task into the handle's queue. Raises what BatchQueue.add raises."""
        queue = handle.queue
        with self.wake:
            if not queue.join(task):
                self._add(handle, task)
            if not self._idle and task.enqueued_at > self._stuck_at:
                self._replace_stuck_threads(task.enqueued_at)

    def _add(self, handle: QueueHandle, task: BatchTask) -> None:
        queue = handle.queue
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
            # Frees the batch's tensors before this thread waits for the next one.
            del batch, found

    def _next(self, finished: QueueHandle | None) -> tuple[QueueHandle, Batch] | None:
        """Waits for a batch; None: no more will come."""
        with self.wake:
            if finished is not None:
                finished.batch_is_done()
                self._limits.pop(threading.current_thread(), None)
            while not self._is_surplus():
                if found := self._take():
                    self._limits[threading.current_thread()] = found[0].batch_begins(found[1])
                    self._watch_for_stuck_threads()
                    return found
                if self._stopped:
                    break
                self._wait()
            self._threads.discard(threading.current_thread())
            return None

    def _take(self) -> tuple[QueueHandle, Batch] | None:
        now = time.monotonic()
        for _ in range(len(self._active)):
            handle = self._active.popleft()
            batch = handle.queue.take(now)
            if not handle.queue.is_empty():
                self._active.append(handle)
            if batch is not None:
                self._pass_the_clock_on()
                return handle, batch
        return None

    def _pass_the_clock_on(self) -> None:
        """A batch that comes next may be due before the watching thread wakes, or there is no such thread any more."""
        if self._idle and self._due() < self._timer_at:
            self.wake.notify()

    def _due(self) -> float:
        return min((handle.queue.due() for handle in self._active), default=math.inf)

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name=next(self._names), daemon=True)
        self._threads.add(thread)
        thread.start()

    def _watch_for_stuck_threads(self) -> None:
        limits = (limit for thread, limit in self._limits.items() if thread not in self._replaced)
        self._stuck_at = min(limits, default=math.inf) if len(self._replaced) < MAX_REPLACED else math.inf

    def _replace_stuck_threads(self, now: float) -> None:
        """A model that blocks for longer than its callers wait must not keep the threads from the others."""
        for thread, limit in self._limits.items():
            if limit < now and thread not in self._replaced:
                log.warning("%s hangs in a model; another thread takes its place", thread.name)
                self._replaced.add(thread)
                self._start_thread()
        self._watch_for_stuck_threads()

    def _is_surplus(self) -> bool:
        """Whether this thread hung, and has come back after another took its place."""
        thread = threading.current_thread()
        surplus = thread in self._replaced
        self._replaced.discard(thread)
        return surplus

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
        # For each thread that runs a batch of it, when the batch's callers have given up.
        self.running: dict[threading.Thread, float] = {}
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
        """Takes nothing more, runs what waits without further delay and blocks until that is done.

        A batch that hangs is left behind when its last caller has given up.
        """
        with self._scheduler.wake:
            self.queue.closed = True
            self._note_if_drained()
            self._scheduler.wake.notify()
            until = max([self.queue.deadline() + GRACE_S, *self.running.values()])
        self._drained.wait(None if until == math.inf else max(0.0, until - time.monotonic()))

    def batch_begins(self, batch: Batch) -> float:
        """Counts a batch that this thread runs; the scheduler's lock is held. Returns when it will hang."""
        limit = self.running[threading.current_thread()] = batch.deadline() + GRACE_S
        return limit

    def batch_is_done(self) -> None:
        """Counts this thread's batch as done; the scheduler's lock is held."""
        del self.running[threading.current_thread()]
        self._note_if_drained()

    def _note_if_drained(self) -> None:
        if self.queue.closed and not self.running and self.queue.is_empty():
            self._drained.set()
