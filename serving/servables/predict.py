"""run_predict: signature checks, feeds, run, results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from serving.errors import FailedPrecondition, InvalidArgument
from serving.servables.signature import DEFAULT_SIGNATURE, Signature

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.servables.saved_model import SavedModelBundle

Array = NDArray[Any]


def run_predict(
    bundle: SavedModelBundle, signature_name: str, inputs: Mapping[str, Array], output_filter: Sequence[str] = ()
) -> dict[str, Array]:
    """Runs one signature on one batch. Shapes are the model's own business: any is fed.

    Args:
      bundle: The loaded SavedModel.
      signature_name: Empty stands for `serving_default`.
      inputs: By alias; a lazy mapping may raise ServingError when it decodes a value, which happens after the names
        were checked.
      output_filter: Aliases of the outputs wanted; none stands for all.
    Returns: By output alias.
    Raises: FailedPrecondition (no such signature); InvalidArgument; what the session says.
    Source: TF Serving servables/tensorflow/predict_util.cc at 2.20.0, same checks in the same order.
    """
    signature = bundle.signatures.get(signature_name or DEFAULT_SIGNATURE)
    if signature is None:
        raise FailedPrecondition(f'Serving signature key "{signature_name or DEFAULT_SIGNATURE}" not found.')
    _check_size(signature, inputs)
    feeds = _feeds(signature, inputs)
    outputs = _outputs(signature, output_filter)
    values = bundle.runner.run(feeds, list(outputs.values()))
    return {alias: values[tensor] for alias, tensor in outputs.items()}


def _check_size(signature: Signature, inputs: Mapping[str, Array]) -> None:
    given, wanted = set(inputs), set(signature.inputs)
    if len(given) > len(wanted) or (len(given) < len(wanted) and not signature.defaults):
        raise InvalidArgument(
            f"input size does not match signature: {len(given)}!={len(wanted)} "
            f"len({_set(given)}) != len({_set(wanted)}). "
            f"Sent extra: {_set(given - wanted)}. "
            f"Missing but required: {_set(wanted - given - set(signature.defaults))}."
        )


def _feeds(signature: Signature, inputs: Mapping[str, Array]) -> dict[str, Array]:
    feeds: dict[str, Array] = {}
    for alias, info in sorted(signature.inputs.items()):
        if alias in inputs:
            feeds[info.tensor] = inputs[alias]
        elif alias in signature.defaults:
            feeds[info.tensor] = signature.defaults[alias]
        else:
            raise InvalidArgument(
                f"Signature input alias: {alias}(feed name: {info.tensor}) not found in request and no default value "
                f"provided. Inputs expected to be in the request {_set(inputs)}, or default input alias set: "
                f"{_set(signature.defaults)}"
            )
    used = set(inputs) & set(signature.inputs)
    if len(used) < len(inputs):
        raise InvalidArgument(
            f"Inputs contains invalid name. Used request inputs: {_list(used)}, request input: {_list(inputs)}"
        )
    return feeds


def _outputs(signature: Signature, output_filter: Sequence[str]) -> dict[str, str]:
    outputs: dict[str, str] = {}
    for alias in output_filter or sorted(signature.outputs):
        if alias not in signature.outputs:
            raise InvalidArgument(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set "
                f"{_set(signature.outputs)}."
            )
        if alias in outputs:
            raise InvalidArgument(f"duplicate output tensor alias: {alias}")
        outputs[alias] = signature.outputs[alias].tensor
    return outputs


def _list(names: Any) -> str:
    return ",".join(sorted(names))


def _set(names: Any) -> str:
    return f"{{{_list(names)}}}"
