"""make_callable: TensorFlow's own TF_SessionMakeCallable, without Python's global lock.

The extension module keeps the lock while TensorFlow optimises the graph: 10 ms for a small MLP, seconds for a large
model, in which no other thread of the server runs, the event loop's included. ctypes lets go of it.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

LIBRARY = "lib_pywrap_tensorflow_common.so"
# tensorflow::TF_SessionMakeCallable(TF_Session*, const TF_Buffer*, int64_t* out_handle, TSL_Status*)
SYMBOL = "_ZN10tensorflow22TF_SessionMakeCallableEP10TF_SessionPK9TF_BufferPlP10TSL_Status"
_STATUS = "libtensorflow_cc.so.2"
_PROBE = b"where a pybind11 object has its pointer"


class _Buffer(ctypes.Structure):
    """The public struct TF_Buffer, as far as it is looked at."""

    _fields_ = (("data", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Library:
    """The functions; raises OSError or AttributeError when one is not there."""

    def __init__(self, folder: Path) -> None:
        self.make = ctypes.CDLL(str(folder / "python" / LIBRARY))[SYMBOL]
        self.make.argtypes = [ctypes.c_void_p] * 4
        self.make.restype = None
        status = ctypes.CDLL(str(folder / _STATUS))
        self.new_status = status.TF_NewStatus
        self.new_status.restype = ctypes.c_void_p
        self.code = status.TF_GetCode
        self.code.argtypes = [ctypes.c_void_p]
        self.delete_status = status.TF_DeleteStatus
        self.delete_status.argtypes = [ctypes.c_void_p]


def make_callable(api: Any, session: Any, options: bytes) -> int:
    """The handle of a callable. Whatever is wrong raises what the extension module raises.

    Args:
      api: The extension module _pywrap_tf_session.
      session: Its TF_Session.
      options: A serialized CallableOptions.
    """
    buffer = api.TF_NewBufferFromString(options)
    try:
        handle = _without_lock(api, session, buffer)
        return int(api.TF_SessionMakeCallable(session, buffer)) if handle is None else handle
    finally:
        api.TF_DeleteBuffer(buffer)


@cache
def library(api: Any) -> _Library | None:
    """None: this TensorFlow keeps its functions or its pointers elsewhere."""
    folder = next((path for path in Path(api.__file__).parents if (path / _STATUS).exists()), None)
    if folder is None or not _has_pointers(api):
        return None
    try:
        return _Library(folder)
    except (OSError, AttributeError):
        return None


def _without_lock(api: Any, session: Any, buffer: Any) -> int | None:
    """None: it did not work; asked again with the lock, TensorFlow raises its error as the right exception."""
    functions = library(api)
    if functions is None:
        return None
    handle, status = ctypes.c_int64(), functions.new_status()
    try:
        functions.make(_pointer(session), _pointer(buffer), ctypes.addressof(handle), status)
        return None if functions.code(status) else handle.value
    finally:
        functions.delete_status(status)


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
