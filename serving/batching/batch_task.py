"""BatchTask: a unit of work with a size. Batch: a list of them that runs as one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from serving.errors import Code, ResourceExhausted, ServingError

if TYPE_CHECKING:
    from serving.exchange import Client

Array = NDArray[Any]
# Tensors by name, or what went wrong; exactly one of the two.
Done = Callable[["dict[str, Array] | None", "ServingError | None"], None]


@dataclass(slots=True)
class BatchTask:
    """One call of a session that waits for others.

    Attributes:
      feeds: By tensor name, each [size, ...].
      size: Rows; 0 is possible.
      done: Called once, on a batch thread.
      deadline: On time.monotonic()'s clock, in seconds; None: never.
      enqueued_at: The same clock.
      client: None: somebody waits for as long as the deadline says.
    """

    feeds: Mapping[str, Array]
    size: int
    done: Done
    deadline: float | None
    enqueued_at: float
    client: Client | None = None

    def unwanted(self, now: float) -> ServingError | None:
        """Why nobody waits for its answer any more; None: somebody does."""
        if self.client is not None and self.client.cancelled:
            return ServingError("The client has gone", Code.CANCELLED)
        if self.deadline is not None and self.deadline <= now:
            return ResourceExhausted("Run() timeout exceeded while waiting in batching queue")
        return None


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
        """That of the most patient task; infinity if one has none, its negative if there is no task."""
        return max((math.inf if task.deadline is None else task.deadline for task in self.tasks), default=-math.inf)
