"""run_classify: tf.Examples in, classes with scores out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import InvalidArgument
from serving.servables.debug_text import debug_string, dtype_text, shape_text
from serving.servables.examples import example_tensor
from serving.servables.signature import DEFAULT_SIGNATURE, Signature

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.servables.saved_model import SavedModelBundle

Array = NDArray[Any]
# For each example its classes: (label, score).
Classifications = list[list[tuple[str, float]]]
CLASSIFY_METHOD = "tensorflow/serving/classify"
INPUT, CLASSES, SCORES = "inputs", "classes", "scores"


def run_classify(
    bundle: SavedModelBundle,
    signature_name: str,
    examples: Sequence[bytes],
    *,
    timeout_s: float | None = None,
    check_method_name: bool = False,
) -> Classifications:
    """Classifies serialized tf.Examples.

    Args:
      timeout_s: Limit for the session's run, in seconds.
      check_method_name: Refuse signatures whose method_name is another (--enable_signature_method_name_check).
    Returns: For each example its classes; a label is "" if the signature has only scores, a score 0 if only classes.
    Raises: InvalidArgument in upstream's words; what the session says.
    Source: TF Serving servables/tensorflow/classifier.cc at 2.20.0, same checks in the same order.
    """
    name = signature_name or DEFAULT_SIGNATURE
    signature = bundle.signatures.get(name)
    if signature is None:
        raise InvalidArgument(f"No signature was found with the name: {name}")
    fetches = classification_fetches(signature, bundle.signature_def[name], check_method_name=check_method_name)
    feeds = {signature.inputs[INPUT].tensor: example_tensor(examples)}
    return classifications(signature, len(examples), bundle.runner.run(feeds, fetches, timeout_s))


def classification_fetches(signature: Signature, proto: Any, *, check_method_name: bool = False) -> list[str]:
    """The tensors to fetch: those of `classes` and `scores`, if it is a signature that classifies.

    Raises: InvalidArgument; `proto` is the SignatureDef that its text shows.
    """
    if check_method_name and signature.method_name != CLASSIFY_METHOD:
        raise InvalidArgument(
            f"Expected classification signature method_name to be {CLASSIFY_METHOD}. Was: {signature.method_name}"
        )
    if len(signature.inputs) != 1:
        raise InvalidArgument("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise InvalidArgument(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if INPUT not in signature.inputs:
        raise InvalidArgument(f"No classification inputs found in SignatureDef: {debug_string(proto)}")
    found = [signature.outputs[alias].tensor for alias in (CLASSES, SCORES) if alias in signature.outputs]
    if not found:
        raise InvalidArgument(
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            f"Signature was: {debug_string(proto)}"
        )
    return found


def classifications(signature: Signature, count: int, outputs: Mapping[str, Array]) -> Classifications:
    """The fetched tensors as classes of `count` examples.

    Args:
      outputs: By tensor name, classes: <string>[count, classes] and scores: <float32>[count, classes], or one of them.
    Raises: InvalidArgument for outputs of another dtype or shape.
    """
    classes, scores = _checked(signature, count, outputs)
    if classes is not None and scores is not None and classes.shape[1] != scores.shape[1]:
        sizes = f"{classes.shape[1]} vs. {scores.shape[1]}"
        raise InvalidArgument(f"Tensors class and score should match in dim_size(1). Got {sizes}")
    shape = next(array.shape for array in (classes, scores) if array is not None)
    labels: Any = np.full(shape, b"", object) if classes is None else classes
    numbers: Any = np.zeros(shape, np.float32) if scores is None else scores
    return [
        [(_text(label), score) for label, score in zip(*row, strict=True)]
        for row in zip(labels.tolist(), numbers.tolist(), strict=True)
    ]


def _checked(signature: Signature, count: int, outputs: Mapping[str, Array]) -> tuple[Array | None, Array | None]:
    tensors = {alias: info.tensor for alias, info in signature.outputs.items()}
    classes, scores = (outputs[tensors[alias]] if alias in tensors else None for alias in (CLASSES, SCORES))
    if tensors.get(CLASSES) == tensors.get(SCORES):
        # One tensor under both aliases counts as classes only.
        scores = None
    _check_output(classes, CLASSES, count, np.dtype(object), "DT_STRING")
    _check_output(scores, SCORES, count, np.dtype(np.float32), "DT_FLOAT")
    return classes, scores


def _check_output(array: Array | None, alias: str, count: int, dtype: np.dtype[Any], expected: str) -> None:
    if array is None:
        return
    if array.ndim != 2:  # noqa: PLR2004 - examples and classes
        raise InvalidArgument(f"Expected Tensor shape: [batch_size num_classes] but got {shape_text(array)}")
    if array.dtype != dtype:
        raise InvalidArgument(f"Expected {alias} Tensor of {expected}. Got: {dtype_text(array)}")
    if len(array) != count:
        raise InvalidArgument(f"Expected {alias} output batch size of {count}. Got: {len(array)}")


def _text(label: bytes) -> str:
    return label.decode("utf-8", "surrogateescape")
