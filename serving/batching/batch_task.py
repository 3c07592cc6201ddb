"""BatchTask: a unit of work with a size. Batch: a list of them that runs as one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from serving.errors import ServingError

Array = NDArray[Any]
# Tensors by name, or what went wrong; exactly one of the two.
Done = Callable[["dict[str, Array] | None", "ServingError | None"], None]


@dataclass
class BatchTask:
    """One call of a session that waits for others.

    Attributes:
      feeds: By tensor name, each [size, ...].
      size: Rows; 0 is possible.
      done: Called once, on a batch thread.
      deadline: On time.monotonic()'s clock, in seconds; None: never.
      enqueued_at: The same clock.
    """

    __slots__ = ("deadline", "done", "enqueued_at", "feeds", "size")

    feeds: Mapping[str, Array]
    size: int
    done: Done
    deadline: float | None
    enqueued_at: float


@dataclass
class Batch:
    """Tasks of one queue. `opened_at`: when the first one came, on time.monotonic()'s clock."""

    opened_at: float = 0.0
    size: int = 0
    tasks: list[BatchTask] = field(default_factory=list)

    def add(self, task: BatchTask, now: float) -> None:
        """Appends the task."""
        if not self.tasks:
            self.opened_at = now
        self.tasks.append(task)
        self.size += task.size

    def deadline(self) -> float:
        """That of the most patient task; infinity if one has none."""
        return max(math.inf if task.deadline is None else task.deadline for task in self.tasks)
