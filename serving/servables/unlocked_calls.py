"""make_callable, import_graph: TensorFlow's own functions, without Python's global lock.

The extension module keeps the lock while TensorFlow reads and optimises the graph: 3 and 10 ms for a small MLP, seconds
for a large model, in which no other thread of the server runs, the event loop's included. ctypes lets go of it.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

from serving.servables.gently import gently

LIBRARY = "lib_pywrap_tensorflow_common.so"
# tensorflow::TF_SessionMakeCallable(TF_Session*, const TF_Buffer*, int64_t* out_handle, TSL_Status*)
SYMBOL = "_ZN10tensorflow22TF_SessionMakeCallableEP10TF_SessionPK9TF_BufferPlP10TSL_Status"
_PUBLIC = "libtensorflow_cc.so.2"
_PROBE = b"where a pybind11 object has its pointer"
_WORD = ctypes.sizeof(ctypes.c_void_p)


class _Buffer(ctypes.Structure):
    """The public struct TF_Buffer."""

    _fields_ = (("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("deallocator", ctypes.c_void_p))


class _Library:
    """The functions; raises OSError or AttributeError when one is not there."""

    def __init__(self, folder: Path) -> None:
        public = ctypes.CDLL(str(folder / _PUBLIC))
        self.make = ctypes.CDLL(str(folder / "python" / LIBRARY))[SYMBOL]
        self.import_graph = public.TF_GraphImportGraphDef
        for function in (self.make, self.import_graph):
            function.argtypes = [ctypes.c_void_p] * 4
            function.restype = None
        self.new_status = public.TF_NewStatus
        self.new_status.restype = ctypes.c_void_p
        self.code = public.TF_GetCode
        self.code.argtypes = [ctypes.c_void_p]
        self.delete_status = public.TF_DeleteStatus
        self.delete_status.argtypes = [ctypes.c_void_p]

    def succeeds(self, function: Any, *arguments: int) -> bool:
        """Whether it says so by its last argument, a TF_Status."""
        status = self.new_status()
        try:
            gently(lambda: function(*arguments, status))
            return not self.code(status)
        finally:
            self.delete_status(status)


def make_callable(api: Any, session: Any, options: bytes) -> int:
    """The handle of a callable. Whatever is wrong raises what the extension module raises.

    Args:
      api: The extension module _pywrap_tf_session.
      session: Its TF_Session.
      options: A serialized CallableOptions.
    """
    buffer = api.TF_NewBufferFromString(options)
    try:
        functions, handle = library(api), ctypes.c_int64()
        if functions and functions.succeeds(
            functions.make, _pointer(session), _pointer(buffer), ctypes.addressof(handle)
        ):
            return handle.value
        # With the lock; what failed fails again, and TensorFlow raises it as the right exception.
        return int(api.TF_SessionMakeCallable(session, buffer))
    finally:
        api.TF_DeleteBuffer(buffer)


def import_graph(api: Any, session: Any, graph: Any, graph_def: bytes) -> None:
    """Puts the nodes of a serialized GraphDef into an empty graph. Raises what the extension module raises.

    Args:
      api: The extension module _pywrap_tf_session.
      session: Its TF_Session of the graph.
      graph: Its PyGraph.
    """
    options = api.TF_NewImportGraphDefOptions()
    try:
        functions, pointer = library(api), graph_pointer(session, graph)
        if not (functions and pointer and _imported(functions, pointer, graph_def, _pointer(options))):
            _import_locked(api, graph, graph_def, options)
    finally:
        api.TF_DeleteImportGraphDefOptions(options)


@cache
def library(api: Any) -> _Library | None:
    """None: this TensorFlow keeps its functions or its pointers elsewhere."""
    folder = next((path for path in Path(api.__file__).parents if (path / _PUBLIC).exists()), None)
    if folder is None or not _has_pointers(api):
        return None
    try:
        return _Library(folder)
    except (OSError, AttributeError):
        return None


def graph_pointer(session: Any, graph: Any) -> int:
    """The TF_Graph* of a PyGraph, which its session has too; 0: they differ, this TensorFlow keeps it elsewhere.

    Source: struct TF_Session in tensorflow/c/c_api_internal.h at 2.20.0.
    """
    found = ctypes.c_void_p.from_address(_pointer(session) + _WORD).value or 0
    words = (ctypes.c_size_t * (type(graph).__basicsize__ // _WORD)).from_address(id(graph))
    return found if found in list(words) else 0


def _imported(functions: _Library, graph: int, graph_def: bytes, options: int) -> bool:
    """False leaves the graph as it was."""
    buffer = _Buffer(ctypes.cast(ctypes.c_char_p(graph_def), ctypes.c_void_p), len(graph_def))
    return functions.succeeds(functions.import_graph, graph, ctypes.addressof(buffer), options)


def _import_locked(api: Any, graph: Any, graph_def: bytes, options: Any) -> None:
    buffer = api.TF_NewBufferFromString(graph_def)
    try:
        api.TF_DeleteImportGraphDefResults(api.TF_GraphImportGraphDefWithResults(graph, buffer, options))
    finally:
        api.TF_DeleteBuffer(buffer)


def _has_pointers(api: Any) -> bool:
    """Whether an object of the extension module begins with a pointer to what it stands for."""
    buffer = api.TF_NewBufferFromString(_PROBE)
    try:
        found = _Buffer.from_address(_pointer(buffer))
        return found.length == len(_PROBE) and ctypes.string_at(found.data, found.length) == _PROBE
    finally:
        api.TF_DeleteBuffer(buffer)


def _pointer(wrapped: Any) -> int:
    """Source: struct instance in pybind11 detail/common.h, simple_value_holder."""
    return ctypes.c_void_p.from_address(id(wrapped) + object.__basicsize__).value or 0
