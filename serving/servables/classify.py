"""run_classify: tf.Examples in, classes with scores out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import InvalidArgument
from serving.servables.signature import DEFAULT_SIGNATURE, Signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serving.servables.saved_model import SavedModelBundle

Array = NDArray[Any]
# For each example its classes: (label, score).
Classifications = list[list[tuple[str, float]]]
INPUT, CLASSES, SCORES = "inputs", "classes", "scores"


def run_classify(bundle: SavedModelBundle, signature_name: str, examples: Sequence[bytes]) -> Classifications:
    """Classifies serialized tf.Examples.

    Raises: InvalidArgument in upstream's words; what the session says.
    Source: TF Serving servables/tensorflow/classifier.cc at 2.20.0, same checks in the same order.
    """
    name = signature_name or DEFAULT_SIGNATURE
    signature = bundle.signatures.get(name)
    if signature is None:
        raise InvalidArgument(f"No signature was found with the name: {name}")
    _check(signature, bundle.signature_def[name])
    if not examples:
        raise InvalidArgument("Input is empty.")
    fetches = {alias: signature.outputs[alias].tensor for alias in (CLASSES, SCORES) if alias in signature.outputs}
    feed = np.array(list(examples), dtype=object)
    values = bundle.runner.run({signature.inputs[INPUT].tensor: feed}, list(fetches.values()))
    return _results(len(examples), *(values.get(fetches.get(alias, "")) for alias in (CLASSES, SCORES)))


def _check(signature: Signature, proto: Any) -> None:
    if len(signature.inputs) != 1:
        raise InvalidArgument("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise InvalidArgument(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if INPUT not in signature.inputs:
        raise InvalidArgument(f"No classification inputs found in SignatureDef: {proto}")
    if not signature.outputs.keys() & {CLASSES, SCORES}:
        raise InvalidArgument(
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            f"Signature was: {proto}"
        )


def _results(count: int, classes: Array | None, scores: Array | None) -> Classifications:
    if classes is not None:
        _check_output(classes, "classes", count, np.dtype(object), "DT_STRING")
    if scores is not None:
        _check_output(scores, "scores", count, np.dtype(np.float32), "DT_FLOAT")
    if classes is not None and scores is not None and classes.shape[1] != scores.shape[1]:
        sizes = f"{classes.shape[1]} vs. {scores.shape[1]}"
        raise InvalidArgument(f"Tensors class and score should match in dim_size(1). Got {sizes}")
    shape = next(a.shape for a in (classes, scores) if a is not None)
    labels: Array = np.full(shape, b"", object) if classes is None else classes
    numbers: Array = np.zeros(shape, np.float32) if scores is None else scores
    return [
        [(label.decode("utf-8", "surrogateescape"), float(score)) for label, score in zip(*row, strict=True)]
        for row in zip(labels, numbers, strict=True)
    ]


def _check_output(array: Array, alias: str, count: int, dtype: Any, dtype_name: str) -> None:
    if array.ndim != 2:  # noqa: PLR2004 - batch and classes
        shape = "[" + ",".join(map(str, array.shape)) + "]"
        raise InvalidArgument(f"Expected Tensor shape: [batch_size num_classes] but got {shape}")
    if array.dtype != dtype:
        raise InvalidArgument(f"Expected {alias} Tensor of {dtype_name}. Got: {_enum_name(array.dtype)}")
    if len(array) != count:
        raise InvalidArgument(f"Expected {alias} output batch size of {count}. Got: {len(array)}")


def _enum_name(dtype: Any) -> str:
    import tensorflow as tf
    from tensorflow.core.framework import types_pb2

    return str(types_pb2.DataType.Name(tf.as_dtype(dtype).as_datatype_enum))
