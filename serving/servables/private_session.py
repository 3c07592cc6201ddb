"""PrivateSession: a graph and its session by TensorFlow's private extension module; the one place that knows it.

public_session.py does the same by TensorFlow's public API where an entry point is missing, 8 times slower.
"""

from __future__ import annotations

import importlib
import weakref
from typing import TYPE_CHECKING, Any

from serving.servables.gently import gently, soon
from serving.servables.unlocked_calls import import_graph, make_callable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]

MODULE = "tensorflow.python.client._pywrap_tf_session"
ENTRY_POINTS = (
    "PyGraph",
    "ExtendSession",
    "TF_CloseSession",
    "TF_DeleteBuffer",
    "TF_DeleteImportGraphDefOptions",
    "TF_DeleteImportGraphDefResults",
    "TF_DeleteSession",
    "TF_DeleteSessionOptions",
    "TF_GraphImportGraphDefWithResults",
    "TF_GraphNextOperation",
    "TF_NewBufferFromString",
    "TF_NewImportGraphDefOptions",
    "TF_NewSession",
    "TF_OperationName",
    "TF_OperationNumOutputs",
    "TF_OperationOutputType",
    "TF_Output",
    "TF_SessionMakeCallable",
    "TF_SessionReleaseCallable",
    "TF_SessionRunCallable",
    "TF_SessionRun_wrapper",
    "_TF_NewSessionOptions",
    "_TF_SetConfig",
)


def missing() -> list[str]:
    """The entry points that this TensorFlow lacks; empty when PrivateSession works."""
    try:
        module = importlib.import_module(MODULE)
    except ImportError:
        return [MODULE]
    return [name for name in ENTRY_POINTS if not hasattr(module, name)]


class PrivateSession:
    """One graph with its variables. Freed when nothing refers to it or to a callable of it any more."""

    def __init__(self, graph_def: bytes, config: bytes) -> None:
        self._api: Any = importlib.import_module(MODULE)
        self._graph = self._api.PyGraph()
        self._session = _new_session(self._api, self._graph, config)
        weakref.finalize(self, _delete, self._api, self._session).atexit = False
        import_graph(self._api, self._session, self._graph, graph_def)
        # Later runs only look: the graph never grows.
        gently(lambda: self._api.ExtendSession(self._session))
        self._operations: dict[str, Any] | None = None

    def callable(self, options: bytes) -> Callable[[list[Array]], list[Any]]:
        """A CallableOptions as a function; it keeps the session alive and is released with its last reference."""
        api, session = self._api, self._session
        return _Callable(self, api, session, make_callable(api, session, options))

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[str], options: bytes) -> list[Any]:
        """The fetches' values; `options` is a RunOptions."""
        inputs = {self._output(name): value for name, value in feeds.items()}
        outputs = [self._output(name) for name in fetches]
        buffer = self._api.TF_NewBufferFromString(options)
        try:
            return list(self._api.TF_SessionRun_wrapper(self._session, buffer, inputs, outputs, [], None))
        finally:
            self._api.TF_DeleteBuffer(buffer)

    def dtype(self, tensor: str) -> int:
        """The DataType of a tensor of the graph. Raises KeyError when there is no such tensor."""
        return int(self._api.TF_OperationOutputType(self._output(tensor)))

    def _output(self, tensor: str) -> Any:
        name, _, index = tensor.removeprefix("^").partition(":")
        if self._operations is None:
            self._operations = dict(_operations(self._api, self._graph))
        output = self._api.TF_Output()
        output.oper = self._operations[name]
        output.index = int(index or 0)
        if output.index >= self._api.TF_OperationNumOutputs(output.oper):
            raise KeyError(tensor)
        return output


class _Callable:
    """A made callable; dropping it while another thread is inside is safe, that thread refers to it too."""

    def __init__(self, owner: PrivateSession, api: Any, session: Any, handle: int) -> None:
        self._owner = owner
        self._run = api.TF_SessionRunCallable
        self._session = session
        self._handle = handle
        weakref.finalize(self, _release, owner, api, session, handle).atexit = False

    def __call__(self, arrays: list[Array]) -> list[Any]:
        values: list[Any] = self._run(self._session, self._handle, arrays, None)
        return values


def _new_session(api: Any, graph: Any, config: bytes) -> Any:
    options = api._TF_NewSessionOptions()  # noqa: SLF001 - so it is called
    try:
        api._TF_SetConfig(options, config)  # noqa: SLF001
        return api.TF_NewSession(graph, options)
    finally:
        api.TF_DeleteSessionOptions(options)


def _operations(api: Any, graph: Any) -> Iterator[tuple[str, Any]]:
    position = 0
    while (found := api.TF_GraphNextOperation(graph, position))[0]:
        operation, position = found
        yield api.TF_OperationName(operation), operation


def _release(owner: PrivateSession, api: Any, session: Any, handle: int) -> None:
    def release(_owner: PrivateSession = owner) -> None:
        api.TF_SessionReleaseCallable(session, handle)

    soon(release)


def _delete(api: Any, session: Any) -> None:
    """Waits for the session's threads to end."""

    def delete() -> None:
        api.TF_CloseSession(session)
        api.TF_DeleteSession(session)

    soon(delete)
