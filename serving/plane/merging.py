"""TickMerger: all requests of one tick of the event loop for the same callable become one run.

No request waits for another: what has arrived when the loop comes round is run together, so a lone request is as quick
as it would be by itself. Only for row-wise signatures (servables/row_wise.py). It is not batching (batching/), which
waits for more and is asked for by a flag.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import thread_time
from typing import Any, Protocol

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


class Asker(Protocol):
    """Who is told of a run: a request, or a lane's turn for several of its own at once (lane.py)."""

    def ran(self, requests: Sequence[Request], outputs: list[Array]) -> None:
        """The outputs of these requests of his, one after the other in each."""

    def failed(self, request: Request, error: ServingError) -> None:
        """The error of this request alone."""


class Turn(Asker, Protocol):
    """An asker who stays for one tick."""

    def begin(self) -> None:
        """The runs begin: what is submitted from now on is of the next tick."""

    def end(self) -> None:
        """All of its requests are answered."""


# The arrays, who is told, and what that one knows the request by.
Request = tuple[list[Array], Asker, Any]


class TickMerger:
    """Belongs to one event loop; all of it, `call` and `done` included, runs on that loop's thread."""

    def __init__(self, call_soon: Callable[[Callable[[], None]], object], *, merge: bool = True) -> None:
        """`call_soon`: the loop's; without `merge` each request is a run of its own."""
        self._call_soon = call_soon
        self._merge = merge
        self._is_due = False
        self._groups: dict[tuple[Any, ...], list[Request]] = {}
        self._turns: list[Turn] = []
        # Called before a tick's answers are given, and when all have been.
        self.before: Callable[[], None] = _nothing
        self.after: Callable[[], None] = _nothing

    def submit(self, target: RowWiseCall, arrays: list[Array], done: Done) -> None:
        """Runs soon, together with what else is submitted in this tick; answers in the order of submission.

        Args:
          target: What is to be run.
          arrays: One for each feed, <any>[rows, ...], all with the same number of rows (RowWise.row_count).
          done: Called once, with the outputs (views of a shared array) or the error of this request alone.
        """
        self.group(target, arrays).append((arrays, _Alone(done), None))

    def group(self, target: RowWiseCall, arrays: list[Array]) -> list[Request]:
        """Where this tick's requests are put that may be run together with these arrays."""
        self._wake()
        first = arrays[0]
        key = (target, first.dtype, first.shape[1:])
        if len(arrays) > 1:
            key += tuple((array.dtype, array.shape[1:]) for array in arrays[1:])  # type: ignore[assignment]
        return self._groups.setdefault(key, [])

    def join(self, turn: Turn) -> None:
        """Tells it when the runs of this tick begin and end."""
        self._wake()
        self._turns.append(turn)

    def _wake(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._call_soon(self._flush)

    def _flush(self) -> None:
        groups, turns, self._groups, self._turns, self._is_due = self._groups, self._turns, {}, [], False
        for turn in turns:
            turn.begin()
        self.before()
        try:
            for (target, *_), requests in groups.items():
                for together in self._portions(target, requests):
                    _run(target, together)
        finally:
            self.after()
            for turn in turns:
                turn.end()

    def _portions(self, target: RowWiseCall, requests: list[Request]) -> list[list[Request]]:
        if len(requests) == 1 or not self._merge:
            return [[request] for request in requests]
        most = min(target.cost.quick_rows(), MAX_ROWS)
        return [requests] if _are_small(requests, most) else _portions(requests, most)


def _nothing() -> None:
    pass


class _Alone:
    """A request that is answered by itself."""

    __slots__ = ("_done",)

    def __init__(self, done: Done) -> None:
        self._done = done

    def ran(self, _requests: Sequence[Request], outputs: list[Array]) -> None:
        self._done(outputs, None)

    def failed(self, _request: Request, error: ServingError) -> None:
        self._done(None, error)


def _run(target: RowWiseCall, requests: list[Request]) -> None:
    """Runs requests as one, and each by itself if that fails, so that only the guilty one gets an error."""
    started = thread_time() if target.cost.is_due() else None
    rows = [request[0][0].shape[0] for request in requests]
    whole = _try_merged(target.call, requests, sum(rows)) if len(requests) > 1 else None
    alone = [] if whole is not None else [_run_alone(target.call, arrays) for arrays, _, _ in requests]
    if started is not None and not (alone and isinstance(alone[0], ServingError)):
        target.cost.record(sum(rows), thread_time() - started)
    if target.ran is not None:
        target.ran(rows)
    if whole is not None:
        _answer_together(requests, rows, whole)
        return
    for request, outcome in zip(requests, alone, strict=True):
        _answer(request, outcome)


def _run_alone(call: Call, arrays: list[Array]) -> list[Array] | ServingError:
    """One request's arrays are not copied."""
    try:
        return call(arrays)
    except Exception as error:  # noqa: BLE001 - whatever a model raises is this request's status
        return from_exception(error)


def _try_merged(call: Call, requests: Sequence[Request], rows: int) -> list[Array] | None:
    """None: it failed, or gave something else than a row for each row."""
    try:
        outputs = call([np.concatenate(column) for column in zip(*[arrays for arrays, _, _ in requests], strict=True)])
    except Exception:  # noqa: BLE001 - each request finds its own error when it is run by itself
        return None
    if any(output.ndim == 0 or output.shape[0] != rows for output in outputs):
        return None
    return outputs


def _answer_together(requests: list[Request], rows: list[int], whole: list[Array]) -> None:
    """One asker takes all of his at once; other groups must not lose their answers by it."""
    asker = requests[0][1]
    if len({request[1] for request in requests}) == 1:
        try:
            asker.ran(requests, whole)
        except Exception:
            log.exception("answers could not be given")
        return
    end = 0
    for request, count in zip(requests, rows, strict=True):
        start, end = end, end + count
        _answer(request, [output[start:end] for output in whole])


def _are_small(requests: list[Request], max_rows: int) -> bool:
    """Whether they are surely one portion: as many of the longest, whose rows are of the same size, would be."""
    rows = [request[0][0].shape[0] for request in requests]
    longest, count = max(rows), len(rows)
    size = sum([array.nbytes for array in requests[rows.index(longest)][0]])
    return longest * count <= max_rows and size * count <= MAX_RUN_BYTES and size <= MAX_REQUEST_BYTES


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


def _answer(request: Request, outcome: list[Array] | ServingError) -> None:
    """A request that cannot be answered must not keep the others from their answers."""
    try:
        if isinstance(outcome, ServingError):
            request[1].failed(request, outcome)
        else:
            request[1].ran([request], outcome)
    except Exception:
        log.exception("an answer could not be given")
