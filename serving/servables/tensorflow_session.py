"""Session: one loaded graph that many threads run at once, by tensor name and as TensorFlow's C++ session does.

`tf.compat.v1.Session.run` refuses feeds that do not fit the graph's static shape, where the C++ session does not look
at shapes; upstream's first Predict test depends on unchecked feeds.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from numpy.typing import NDArray

from serving.errors import DeadlineExceeded, FailedPrecondition, NotFound
from serving.servables import private_session
from serving.servables.call_plan import CallPlan
from serving.servables.private_session import PrivateSession
from serving.servables.public_session import PublicSession
from serving.servables.tensorflow_errors import serving_errors

Array = NDArray[Any]
Call = Callable[[list[Array]], list[Array]]

# Every distinct output_filter makes a callable; beyond this many the oldest goes.
MAX_CALLABLES = 64
# In seconds; a run is short when the last one was shorter.
SHORT_S = 0.01
_Key = tuple[tuple[str, ...], tuple[str, ...]]
# RunOptions(inter_op_thread_pool=-1): on the caller's thread; whoever calls already bounds how many run at once.
_CALLERS_THREAD = b"\x18" + b"\xff" * 9 + b"\x01"
_Value = TypeVar("_Value")


class RawSession(Protocol):
    """What PrivateSession and PublicSession have in common."""

    def callable(self, options: bytes) -> Callable[[list[Array]], list[Any]]:
        """A serialized CallableOptions as a function."""

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[str], options: bytes) -> list[Any]:
        """One run under a serialized RunOptions."""

    def dtype(self, tensor: str) -> int:
        """The tensor's DataType; KeyError: there is none."""


class Session:
    """Runs tensors by name; safe from many threads. Arrays are numpy's, strings are object arrays of bytes.

    A returned array may share memory with one that was fed: do not write into an array after feeding it.
    """

    def __init__(self, raw: RawSession, *, ends: bool = False) -> None:
        # Whether every run ends by itself (endless.py).
        self.ends = ends
        self._raw: RawSession | None = raw
        self._lock = threading.Lock()
        self._plans: dict[_Key, CallPlan] = {}
        self._calls: dict[_Key, Call] = {}
        # Calls that differ in the order of their fetches share what TensorFlow made.
        self._made: WeakValueDictionary[_Key, Any] = WeakValueDictionary()
        self._timed: set[_Key] = set()
        self._last_s = 0.0

    def run(
        self, feeds: Mapping[str, Array], fetches: Sequence[str], timeout_s: float | None = None
    ) -> dict[str, Array]:
        """Values by tensor name; blocks.

        Args:
          feeds: By tensor name, e.g. x:0: <float32>[any shape].
          fetches: Tensor names; repeats are fetched once, one that is fed too is answered with what was fed.
          timeout_s: In seconds; None: without limit, on the caller's thread. With a limit the session's own threads
            run the graph, so that one that blocks is broken off; but for graphs that end by themselves and soon, of
            which an answer that comes late is refused.
        Raises: InvalidArgument for a feed of another dtype; DeadlineExceeded (`Timed out waiting for notification`);
          ServingError with TensorFlow's own code and text.
        """
        names, wanted = tuple(sorted(feeds)), tuple(sorted(set(fetches)))
        arrays = [feeds[name] for name in names]
        if timeout_s is None:
            values = self.callable(names, wanted)(arrays)
        else:
            started = time.monotonic()
            values = self._run_within(timeout_s, (names, wanted), arrays)
            self._last_s = time.monotonic() - started
            if self._last_s > timeout_s:
                raise DeadlineExceeded("Timed out waiting for notification")
        return dict(zip(wanted, values, strict=True))

    def callable(self, feeds: Sequence[str], fetches: Sequence[str]) -> Call:
        """The fast path: a function from the feeds' arrays to the fetches' values, both in the given order.

        It runs the graph on its caller's thread, without limit of time, and looks at dtypes but not at shapes.
        Raises: NotFound for a tensor that the graph lacks; when it is called, as run.
        """
        key = tuple(feeds), tuple(fetches)
        call = self._calls.get(key)
        if call is None:
            with self._lock:
                call = self._caller_threaded(self._plan(key))
                _remember(self._calls, key, call)
        return call

    def run_target(self, feeds: Mapping[str, Array], target: str) -> None:
        """Runs an operation for its effect, and leaves nothing behind that it took to run it.

        Raises: ServingError with TensorFlow's own code and text.
        Source: RunOnce in tensorflow/cc/saved_model/loader.cc at 2.20.0.
        """
        with serving_errors():
            self._open().callable(_callable_options(tuple(feeds), (), target))(list(feeds.values()))

    def close(self) -> None:
        """Frees the graph as soon as the last run is over; no run may start any more."""
        with self._lock:
            self._raw = None
            self._calls.clear()

    def _run_within(self, timeout_s: float, key: _Key, arrays: list[Array]) -> list[Array]:
        """Threads of the session's own cost 100 us, which is much for a short run and nothing for a long one."""
        if self.ends and self._last_s < min(timeout_s, SHORT_S):
            return self.callable(*key)(arrays)
        with self._lock:
            raw, plan = self._open(), self._plan(key)
            # What TensorFlow keeps for each set of fetches is never freed, so only so many are run in that way.
            kept = key in self._timed or len(self._timed) < MAX_CALLABLES
            if kept:
                self._timed.add(key)
        options = _run_options(timeout_s)
        if kept:
            return plan.run(arrays, lambda fed: raw.run(dict(zip(plan.feeds, fed, strict=True)), plan.asked, options))
        return plan.run(arrays, raw.callable(_callable_options(plan.feeds, plan.asked, run=options)))

    def _caller_threaded(self, plan: CallPlan) -> Call:
        """Under the lock. No call at all when everything fetched is fed."""
        raw = self._open()
        if plan.fetches and not plan.asked:
            return lambda arrays: plan.run(arrays, None)
        made = self._made.get((plan.feeds, plan.asked))
        if made is None:
            with serving_errors():
                made = raw.callable(_callable_options(plan.feeds, plan.asked, run=_CALLERS_THREAD))
            self._made[plan.feeds, plan.asked] = made
        return lambda arrays: plan.run(arrays, made)

    def _open(self) -> RawSession:
        if self._raw is None:
            raise FailedPrecondition("Session has been closed.")
        return self._raw

    def _plan(self, key: _Key) -> CallPlan:
        """Under the lock."""
        plan = self._plans.get(key)
        if plan is None:
            raw = self._open()
            fetched = [_dtype(raw, name, f"FetchOutputs node {name}: not found") for name in key[1]]
            numbers = [_dtype(raw, name, f"FeedInputs: unable to find feed output {name}") for name in key[0]]
            plan = CallPlan(*key, tuple(numbers), tuple(fetched))
            _remember(self._plans, key, plan)
        return plan


def open_session(graph_def: bytes, config: bytes = b"", *, ends: bool = False) -> Session:
    """A session of its own for a serialized GraphDef; `config` is a serialized ConfigProto, `ends` see Session.

    Raises: ServingError with TensorFlow's own code and text.
    """
    kind = PublicSession if private_session.missing() else PrivateSession
    with serving_errors():
        return Session(kind(graph_def, config), ends=ends)


def _dtype(raw: RawSession, tensor: str, missing: str) -> int:
    try:
        return raw.dtype(tensor)
    except KeyError:
        raise NotFound(missing) from None


def _remember(cache: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    cache[key] = value
    if len(cache) > MAX_CALLABLES:
        del cache[next(iter(cache))]


def _callable_options(feeds: Sequence[str], fetches: Sequence[str], target: str = "", run: bytes = b"") -> bytes:
    from tensorflow.core.protobuf import config_pb2

    options = config_pb2.CallableOptions(feed=feeds, fetch=fetches, target=[target] if target else [])
    options.run_options.MergeFromString(run)
    return bytes(options.SerializeToString())


def _run_options(timeout_s: float) -> bytes:
    """0 would be no limit at all."""
    from tensorflow.core.protobuf import config_pb2

    return bytes(config_pb2.RunOptions(timeout_in_ms=max(1, math.ceil(timeout_s * 1000))).SerializeToString())
