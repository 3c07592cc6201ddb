"""RequestPattern: what one PredictRequest has in common with those that differ in the values of its one tensor only.

Clients send the same request again and again with other values. One that is equal to the last one byte by byte, but
for the values, says the same; so it need not be read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from serving.wire.predict_request import PredictRequestView

Array = NDArray[Any]
# More than this around the values is not worth the memory.
_MAX_AROUND = 1024


class RequestPattern:
    """The bytes before and after the values, and what the values are."""

    __slots__ = ("_at", "_count", "_dtype", "_head", "_shape", "_tail")

    def __init__(self, message: bytes, at: int, array: Array) -> None:
        self._at = at
        self._dtype = array.dtype
        self._count = array.size
        self._shape = array.shape
        self._head = message[:at]
        self._tail = message[at + array.nbytes :]

    def array(self, message: bytes) -> Array | None:
        """The tensor of a message of the same length, as read_predict_request gives it; None: it says another thing."""
        if not (message.startswith(self._head) and message.endswith(self._tail)):
            return None
        return np.frombuffer(message, self._dtype, self._count, self._at).reshape(self._shape)


def pattern_of(message: bytes, view: PredictRequestView) -> RequestPattern | None:
    """The pattern of a message that was read; None: it has not one tensor whose values lie in it as they are."""
    if len(view.inputs) != 1 or type(view.inputs) is not dict:
        return None
    (array,) = view.inputs.values()
    at = _address(array) - _address(np.frombuffer(message, np.uint8))
    around = len(message) - array.nbytes
    if not array.nbytes or not 0 <= at <= around or around > _MAX_AROUND:
        return None
    return RequestPattern(message, at, array)


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])
