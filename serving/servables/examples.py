"""The Input of a Classify, Regress or MultiInference request as serialized tf.Examples, and those as a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = NDArray[Any]


def serialized_examples(request_input: Any) -> list[bytes]:
    """One string per example; a context's bytes go before each, which merges it in.

    Source: TF Serving servables/tensorflow/util.cc at 2.20.0 (InputToSerializedExampleTensor).
    """
    if request_input.WhichOneof("kind") == "example_list_with_context":
        with_context = request_input.example_list_with_context
        context = with_context.context.SerializeToString()
        return [context + example.SerializeToString() for example in with_context.examples]
    return [example.SerializeToString() for example in request_input.example_list.examples]


def example_tensor(examples: Sequence[bytes]) -> Array:
    """<string>[examples]. Raises InvalidArgument if there is none."""
    if not examples:
        raise InvalidArgument("Input is empty.")
    tensor = np.empty(len(examples), object)
    tensor[:] = examples
    return tensor
