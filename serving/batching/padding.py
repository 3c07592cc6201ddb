"""pad_to_largest: tensors of different sizes made equal in all dimensions but the first. Pure.

Source: TF Serving batching/batching_util.cc at 2.20.0 (CalculateMaxDimSizes, AddPadding).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = NDArray[Any]
# As of TensorFlow's Pad.
MAX_RANK = 6


def pad_to_largest(name: str, arrays: Sequence[Array]) -> list[Array]:
    """The arrays with every dimension but the first as large as the largest, filled with copies of their first element.

    Raises: InvalidArgument for a rank above 6 or for nothing to copy; FailedPrecondition for arrays of different ranks.
    """
    if len({array.ndim for array in arrays}) > 1:
        raise FailedPrecondition(
            f"Tensors with name '{name}' from different tasks have different ranks, which padding cannot make equal. "
            f"Received: ranks {sorted({array.ndim for array in arrays})}; send tensors of one rank."
        )
    if arrays[0].ndim > MAX_RANK:
        raise InvalidArgument("Only tensors with rank from 1 to 6 can be padded.")
    largest = tuple(map(max, zip(*(array.shape[1:] for array in arrays), strict=True)))
    return [array if array.shape[1:] == largest else _pad(array, largest) for array in arrays]


def _pad(array: Array, largest: tuple[int, ...]) -> Array:
    shape = (len(array), *largest)
    if not array.size:
        if not len(array):
            return np.empty(shape, array.dtype)
        raise InvalidArgument("Got empty tensor in batch of non-empty tensors.")
    padded = np.full(shape, array.flat[0], array.dtype)
    padded[tuple(slice(size) for size in array.shape)] = array
    return padded
