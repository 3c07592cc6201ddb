"""Many tasks' tensors as one batch's, and one batch's outputs as many tasks'. Pure.

Source: TF Serving batching/batching_session.cc, batching_util.{h,cc} at 2.20.0 (MergeInputTensors, SplitOutputTensors).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.batching.padding import pad_to_largest
from serving.errors import FailedPrecondition, InvalidArgument

Array = NDArray[Any]
Tensors = Mapping[str, Array]


def batch_size_of(feeds: Tensors) -> int:
    """Rows of one task: dimension 0, which all its tensors share.

    Raises: InvalidArgument for no tensors, a scalar, or tensors of different numbers of rows.
    """
    if not feeds:
        raise InvalidArgument("Batching Run() must have at least one input tensor")
    size = -1
    for array in feeds.values():
        if not array.ndim:
            raise InvalidArgument("Batching Run() input tensors must have at least one dimension")
        if size not in (-1, array.shape[0]):
            raise InvalidArgument("Batching Run() input tensors must have equal 0th-dimension size")
        size = array.shape[0]
    return size


def round_to_lowest_allowed_batch_size(allowed: Sequence[int], size: int) -> int:
    """The first allowed size that holds `size` rows; `size` itself if there is none, or nothing to pad with."""
    return next((candidate for candidate in allowed if candidate >= size), size) if size else 0


def merge_inputs(tasks: Sequence[Tensors], padded_size: int, *, pad_variable_length: bool) -> dict[str, Array]:
    """The tasks' tensors, one below the other, then copies of the last row-bearing task's first row.

    Args:
      tasks: The same names with the same dtypes in each, [rows of the task, ...]; at least one task.
      padded_size: Rows of the result.
    Returns: By name, [padded_size, ...].
    Raises: FailedPrecondition for shapes that differ beyond dimension 0 and may not be padded; InvalidArgument for ones
      that cannot be.
    """
    return {name: _merge(name, [task[name] for task in tasks], padded_size, pad_variable_length) for name in tasks[0]}


def _merge(name: str, arrays: list[Array], padded_size: int, pad_variable_length: bool) -> Array:  # noqa: FBT001
    if pad_variable_length:
        arrays = pad_to_largest(name, arrays)
    elif any(array.shape[1:] != arrays[0].shape[1:] for array in arrays):
        raise FailedPrecondition(
            f"Tensors with name '{name}' from different tasks have different shapes and padding is turned off. Set "
            "pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal dimensions "
            "starting with the first dim."
        )
    padding = padded_size - sum(len(array) for array in arrays)
    if padding:
        row = next(array for array in reversed(arrays) if len(array))[:1]
        arrays = [*arrays, np.repeat(row, padding, axis=0)]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def split_outputs(outputs: Tensors, sizes: Sequence[int], padded_size: int) -> list[dict[str, Array]]:
    """Each task's rows of the outputs, as views; the rows of the padding are left out.

    Args:
      outputs: By name, [padded_size, ...].
      sizes: Rows of each task.
    Raises: FailedPrecondition for an output that has not one row per row of the input.
    """
    for array in outputs.values():
        if not array.ndim:
            raise FailedPrecondition("Batched output tensor has 0 dimensions")
        if len(array) != padded_size:
            raise FailedPrecondition(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors"
            )
    if len(sizes) == 1 and sizes[0] == padded_size:
        return [dict(outputs)]
    return [
        {name: array[end - size : end] for name, array in outputs.items()}
        for size, end in zip(sizes, accumulate(sizes), strict=True)
    ]
