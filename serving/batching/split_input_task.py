"""split_input_task: one large task as several small ones, which is answered when the last of them is.

Source: TF Serving batching/batching_session.cc at 2.20.0 (SplitInputTask, IncrementalBarrier, ThreadSafeStatus).
"""

from __future__ import annotations

import threading
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serving.batching.batch_task import BatchTask, Done

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serving.errors import ServingError

Array = NDArray[Any]


def split_input_task(task: BatchTask, sizes: Sequence[int]) -> list[BatchTask]:
    """Tasks of these sizes, which sum up to the task's.

    The task's `done` is called once: with all pieces' rows in order, or with the error that came first.
    """
    barrier = _Barrier(task.done, len(sizes))
    return [
        BatchTask(
            {name: array[end - size : end] for name, array in task.feeds.items()},
            size,
            barrier.piece(index),
            task.deadline,
            task.enqueued_at,
            task.client,
        )
        for index, (size, end) in enumerate(zip(sizes, accumulate(sizes), strict=True))
    ]


class _Barrier:
    """Waits for all pieces; they are answered on several threads."""

    def __init__(self, done: Done, pieces: int) -> None:
        self._done = done
        self._lock = threading.Lock()
        self._missing = pieces
        self._outputs: list[dict[str, Array]] = [{}] * pieces
        self._error: ServingError | None = None

    def piece(self, index: int) -> Done:
        """What to call with the piece's answer."""

        def done(outputs: dict[str, Array] | None, error: ServingError | None) -> None:
            with self._lock:
                self._outputs[index] = outputs or {}
                self._error = self._error or error
                self._missing -= 1
                last = not self._missing
            if last:
                self._finish()

        return done

    def _finish(self) -> None:
        if self._error:
            self._done(None, self._error)
        else:
            names = self._outputs[0]
            self._done({name: np.concatenate([piece[name] for piece in self._outputs]) for name in names}, None)
