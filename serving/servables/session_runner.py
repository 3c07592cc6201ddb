"""SessionRunner: the one place that runs a TensorFlow session, by a private entry point with a public fall-back.

`Session.run` refuses feeds that do not fit the graph's static shape, where the C++ session does not look at shapes, and
is 8 times slower than a session callable. Upstream's first Predict test depends on unchecked feeds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import InvalidArgument
from serving.servables.tensorflow_errors import as_serving_errors

Array = NDArray[Any]
_Call = Callable[[list[Array]], list[Any]]
# Every distinct output_filter makes a callable; beyond this many the oldest goes.
_MAX_CALLABLES = 64


class SessionRunner:
    """Runs tensors by name; safe from many threads, each runs the graph itself."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._calls: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[_Call, list[Any]]] = {}

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> dict[str, Array]:
        """Values by tensor name.

        Args:
          feeds: By tensor name, e.g. x:0: <float32>[any shape]; strings are object arrays of bytes.
          fetches: Tensor names; repeats are fetched once.
        Raises: InvalidArgument for a feed of another dtype; ServingError with TensorFlow's own code and text.
        """
        feed_names, fetch_names = tuple(sorted(feeds)), tuple(dict.fromkeys(fetches))
        with as_serving_errors():
            call, dtypes = self._call(feed_names, fetch_names)
            arrays = [feeds[name] for name in feed_names]
            _check_dtypes(arrays, dtypes)
            return dict(zip(fetch_names, map(_as_array, call(arrays)), strict=True))

    def close(self) -> None:
        """Frees the graph; nothing may run any more."""
        self._calls.clear()
        self._session.close()

    def _call(self, feeds: tuple[str, ...], fetches: tuple[str, ...]) -> tuple[_Call, list[Any]]:
        found = self._calls.get((feeds, fetches))
        if found is None:
            with self._lock:
                found = make_call(self._session, feeds, fetches), _dtypes(self._session, feeds)
                self._calls[feeds, fetches] = found
                if len(self._calls) > _MAX_CALLABLES:
                    del self._calls[next(iter(self._calls))]
        return found


def make_call(session: Any, feeds: Sequence[str], fetches: Sequence[str]) -> _Call:
    """A function from feeds to fetches, both in the order of their names."""
    make = getattr(session, "_make_callable_from_options", None)
    if make is None:
        return lambda arrays: list(session.run(list(fetches), dict(zip(feeds, arrays, strict=True))))
    from tensorflow.core.protobuf import config_pb2

    options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
    # The caller's thread: the transports' pool already bounds how many run at once.
    options.run_options.inter_op_thread_pool = -1
    call = make(options)
    return lambda arrays: list(call(*arrays))


def _dtypes(session: Any, feeds: Sequence[str]) -> list[Any]:
    return [session.graph.get_tensor_by_name(name).dtype for name in feeds]


def _check_dtypes(arrays: Sequence[Array], dtypes: Sequence[Any]) -> None:
    """The text of DirectSession::Run, which a callable words in another way."""
    import tensorflow as tf

    for index, (array, dtype) in enumerate(zip(arrays, dtypes, strict=True)):
        given = tf.as_dtype(array.dtype)
        if given != dtype:
            raise InvalidArgument(f"Expects arg[{index}] to be {_name(dtype)} but {_name(given)} is provided")


def _name(dtype: Any) -> str:
    from tensorflow.core.framework import types_pb2

    return str(types_pb2.DataType.Name(dtype.as_datatype_enum)).removeprefix("DT_").lower()


def _as_array(value: Any) -> Array:
    """A callable gives scalars as Python or numpy values."""
    if isinstance(value, bytes):
        return np.array(value, dtype=object)
    return np.asarray(value)
