"""run_regress: tf.Examples in, one number for each out."""

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
Regressions = list[float]
REGRESS_METHOD = "tensorflow/serving/regress"
INPUT, OUTPUT = "inputs", "outputs"


def run_regress(
    bundle: SavedModelBundle,
    signature_name: str,
    examples: Sequence[bytes],
    *,
    timeout_s: float | None = None,
    check_method_name: bool = False,
) -> Regressions:
    """Regresses serialized tf.Examples.

    Args:
      timeout_s: Limit for the session's run, in seconds.
      check_method_name: Refuse signatures whose method_name is another (--enable_signature_method_name_check).
    Returns: For each example the float32 that the model gave.
    Raises: InvalidArgument in upstream's words; what the session says.
    Source: TF Serving servables/tensorflow/regressor.cc at 2.20.0, same checks in the same order.
    """
    name = signature_name or DEFAULT_SIGNATURE
    signature = bundle.signatures.get(name)
    if signature is None:
        raise InvalidArgument(f"No signature was found with the name: {name}")
    fetches = regression_fetches(signature, bundle.signature_def[name], check_method_name=check_method_name)
    feeds = {signature.inputs[INPUT].tensor: example_tensor(examples)}
    return regressions(signature, len(examples), bundle.runner.run(feeds, fetches, timeout_s))


def regression_fetches(signature: Signature, proto: Any, *, check_method_name: bool = False) -> list[str]:
    """The one tensor to fetch, if it is a signature that regresses.

    Raises: InvalidArgument; `proto` is the SignatureDef that its text shows.
    """
    if check_method_name and signature.method_name != REGRESS_METHOD:
        raise InvalidArgument(
            f"Expected regression signature method_name to be {REGRESS_METHOD}. Was: {signature.method_name}"
        )
    if len(signature.inputs) != 1:
        raise InvalidArgument("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise InvalidArgument("Expected one output Tensor.")
    if INPUT not in signature.inputs:
        raise InvalidArgument(f"No regression inputs found in SignatureDef: {debug_string(proto)}")
    if OUTPUT not in signature.outputs:
        raise InvalidArgument(f"No regression outputs found in SignatureDef: {debug_string(proto)}")
    return [signature.outputs[OUTPUT].tensor]


def regressions(signature: Signature, count: int, outputs: Mapping[str, Array]) -> Regressions:
    """The fetched tensor as `count` numbers.

    Args:
      outputs: By tensor name, <float32>[count] or [count, 1].
    Raises: InvalidArgument for an output of another dtype or shape.
    """
    array = outputs[signature.outputs[OUTPUT].tensor]
    if not (array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)):  # noqa: PLR2004 - [count, 1]
        raise InvalidArgument(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {shape_text(array)}"
        )
    if len(array) != count:
        raise InvalidArgument(f"Input batch size did not match output batch size: {count} vs. {len(array)}")
    if array.dtype != np.float32:
        raise InvalidArgument(f"Expected output Tensor of DT_FLOAT.  Got: {dtype_text(array)}")
    values: Regressions = array.ravel().tolist()
    return values
