"""TickMerger: all requests of one tick of the event loop for the same callable become one run.

No request waits for another: what has arrived when the loop comes round is run together, so a lone request is as quick
as it would be by itself. Only for row-wise signatures (servables/row_wise.py). It is not batching (batching/), which
waits for more and is asked for by a flag.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import ServingError, from_exception
from serving.plane.run_cost import RunCost

Array = NDArray[Any]
Call = Callable[[list[Array]], list[Array]]
# Exactly one is not None.
Done = Callable[["list[Array] | None", "ServingError | None"], None]
log = logging.getLogger(__name__)

# A row of an MLP costs 38 us alone, 5.8 us among 32, 2.0 us among 256 and 1.6 us among 512: beyond, nothing is gained.
MAX_ROWS = 512
# Copying a request's rows must cost less than the 35 us that a run of its own would: 10 GB/s make that about 256 KiB.
MAX_REQUEST_BYTES = 256 << 10
# What one run may copy; more would only push the copy out of the processor's caches.
MAX_RUN_BYTES = 4 << 20


class RowWiseCall:
    """What is run: one servable version with certain feeds and fetches. Requests merge when theirs is the same object.

    Attributes:
      call: Arrays in the order of the feeds to arrays in the order of the fetches, all <[rows, ...]>.
      ran: Told the rows of each request of a run, for what is counted.
      cost: How long it takes; a TickMerger records its runs, whoever runs it elsewhere should record that too.
    """

    __slots__ = ("call", "cost", "ran")

    def __init__(
        self, call: Call, cost: RunCost | None = None, ran: Callable[[Sequence[int]], None] | None = None
    ) -> None:
        self.call = call
        self.ran = ran
        self.cost = cost or RunCost()


Request = tuple[list[Array], Done]


class TickMerger:
    """Belongs to one event loop; all of it, `call` and `done` included, runs on that loop's thread."""

    def __init__(self, call_soon: Callable[[Callable[[], None]], object], *, merge: bool = True) -> None:
        """`call_soon`: the loop's; without `merge` each request is a run of its own."""
        self._call_soon = call_soon
        self._merge = merge
        self._groups: dict[tuple[Any, ...], list[Request]] = {}

    def submit(self, target: RowWiseCall, arrays: list[Array], done: Done) -> None:
        """Runs soon, together with what else is submitted in this tick; answers in the order of submission.

        Args:
          target: What is to be run.
          arrays: One for each feed, <any>[rows, ...], all with the same number of rows (RowWise.row_count).
          done: Called once, with the outputs (views of a shared array) or the error of this request alone.
        """
        if not self._groups:
            self._call_soon(self._flush)
        first = arrays[0]
        key = (target, first.dtype, first.shape[1:])
        if len(arrays) > 1:
            key += tuple((array.dtype, array.shape[1:]) for array in arrays[1:])  # type: ignore[assignment]
        self._groups.setdefault(key, []).append((arrays, done))

    def _flush(self) -> None:
        groups, self._groups = self._groups, {}
        for (target, *_), requests in groups.items():
            if len(requests) == 1:
                _run(target, requests)
                continue
            for together in _portions(requests, min(target.cost.quick_rows(), MAX_ROWS)):
                _run(target, together)


def run_together(call: Call, requests: Sequence[list[Array]]) -> list[list[Array] | ServingError]:
    """Runs requests as one, and each by itself if that fails, so that only the guilty one gets an error.

    Args:
      call: See RowWiseCall.
      requests: The arrays of each; same dtypes and inner shapes. One alone is not copied.
    Returns: For each request its outputs, or its error.
    """
    if len(requests) > 1:
        merged = _try_merged(call, requests)
        if merged is not None:
            return merged  # type: ignore[return-value]
    return [_run_alone(call, arrays) for arrays in requests]


def _run_alone(call: Call, arrays: list[Array]) -> list[Array] | ServingError:
    try:
        return call(arrays)
    except Exception as error:  # noqa: BLE001 - whatever a model raises is this request's status
        return from_exception(error)


def _try_merged(call: Call, requests: Sequence[list[Array]]) -> list[list[Array]] | None:
    """None: it failed, or gave something else than a row for each row."""
    ends = np.cumsum([arrays[0].shape[0] for arrays in requests]).tolist()
    try:
        outputs = call([np.concatenate(column) for column in zip(*requests, strict=True)])
    except Exception:  # noqa: BLE001 - each request finds its own error when it is run by itself
        return None
    if any(output.ndim == 0 or output.shape[0] != ends[-1] for output in outputs):
        return None
    spans = zip([0, *ends], ends)  # noqa: B905 - the last end begins nothing
    return [[output[start:end] for output in outputs] for start, end in spans]


def _portions(requests: list[Request], max_rows: int) -> list[list[Request]]:
    """The requests in order, cut where a run would have too many rows or bytes; big ones are alone."""
    portions: list[list[Request]] = []
    rows = size = MAX_RUN_BYTES
    for request in requests:
        arrays = request[0]
        more_rows, more = arrays[0].shape[0], sum([array.nbytes for array in arrays])
        rows, size = rows + more_rows, size + more
        if rows > max_rows or size > MAX_RUN_BYTES or more > MAX_REQUEST_BYTES:
            portions.append([])
            # After a big one the next begins anew.
            rows, size = more_rows, more if more <= MAX_REQUEST_BYTES else MAX_RUN_BYTES
        portions[-1].append(request)
    return portions


def _run(target: RowWiseCall, requests: list[Request]) -> None:
    started = thread_time() if target.cost.is_due() else None
    outcomes = run_together(target.call, [arrays for arrays, _ in requests])
    if started is not None and not isinstance(outcomes[0], ServingError):
        target.cost.record(sum([arrays[0].shape[0] for arrays, _ in requests]), thread_time() - started)
    if target.ran is not None:
        target.ran([arrays[0].shape[0] for arrays, _ in requests])
    for (_, done), outcome in zip(requests, outcomes, strict=True):
        _answer(done, outcome)


def _answer(done: Done, outcome: list[Array] | ServingError) -> None:
    """A request that cannot be answered must not keep the others from their answers."""
    try:
        if isinstance(outcome, ServingError):
            done(None, outcome)
        else:
            done(outcome, None)
    except Exception:
        log.exception("an answer could not be given")
