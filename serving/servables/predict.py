"""prepare_predict and run_predict: a request against a signature: its checks, feeds and fetches.

Source: TF Serving servables/tensorflow/predict_util.cc, tensorflow/cc/saved_model/util.cc at 2.20.0, same checks in the
same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from serving.errors import FailedPrecondition, Internal, InvalidArgument
from serving.servables.signature import DEFAULT_SIGNATURE, Signature

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.servables.saved_model import SavedModelBundle

Array = NDArray[Any]
_METHODS = ("tensorflow/serving/predict", "tensorflow/serving/classify", "tensorflow/serving/regress")


@dataclass(frozen=True)
class Prepared:
    """A checked request, ready to run."""

    # Tensor names in sorted order, and the array for each.
    feeds: tuple[str, ...]
    arrays: list[Array]
    # aliases[i] is answered by the tensor fetches[i]; a tensor may be there twice.
    fetches: tuple[str, ...]
    aliases: tuple[str, ...]


def prepare_predict(
    bundle: SavedModelBundle,
    signature_name: str,
    inputs: Mapping[str, Array],
    output_filter: Sequence[str] = (),
    *,
    check_method_name: bool = False,
) -> Prepared:
    """What a request feeds and fetches. Shapes are the model's own business: any is fed.

    Args:
      bundle: The loaded SavedModel.
      signature_name: Empty stands for `serving_default`.
      inputs: By alias; a lazy mapping may raise ServingError (`tensor parsing error: x`) when it decodes a value, which
        happens after the number of names was checked.
      output_filter: Aliases of the outputs wanted; none stands for all.
      check_method_name: Whether the signature must be one for predict, classify or regress.
    Raises: FailedPrecondition (no such signature), Internal (its method name), InvalidArgument.
    """
    name = signature_name or DEFAULT_SIGNATURE
    signature = bundle.signatures.get(name)
    if signature is None:
        raise FailedPrecondition(f'Serving signature key "{name}" not found.')
    if check_method_name and signature.method_name not in _METHODS:
        raise Internal(
            f"Expected prediction signature method_name to be one of {{{', '.join(_METHODS)}}}. "
            f"Was: {signature.method_name}"
        )
    _check_size(signature, inputs)
    feeds = sorted(_feeds(signature, inputs), key=_tensor)
    aliases = _aliases(signature, output_filter)
    fetches = tuple(signature.outputs[alias].tensor for alias in aliases)
    return Prepared(tuple(map(_tensor, feeds)), [array for _, array in feeds], fetches, aliases)


def run_predict(
    bundle: SavedModelBundle,
    signature_name: str,
    inputs: Mapping[str, Array],
    output_filter: Sequence[str] = (),
    timeout_s: float | None = None,
) -> dict[str, Array]:
    """Runs one signature on one batch; blocks.

    Returns: By output alias.
    Raises: what prepare_predict raises; what the session says.
    """
    prepared = prepare_predict(bundle, signature_name, inputs, output_filter)
    feeds = dict(zip(prepared.feeds, prepared.arrays, strict=True))
    values = bundle.runner.run(feeds, prepared.fetches, timeout_s)
    return {alias: values[tensor] for alias, tensor in zip(prepared.aliases, prepared.fetches, strict=True)}


def _tensor(feed: tuple[str, Array]) -> str:
    return feed[0]


def _check_size(signature: Signature, inputs: Mapping[str, Array]) -> None:
    if len(inputs) > len(signature.inputs) or (len(inputs) < len(signature.inputs) and not signature.defaults):
        given, wanted = set(inputs), set(signature.inputs)
        raise InvalidArgument(
            f"input size does not match signature: {len(given)}!={len(wanted)} "
            f"len({_set(given)}) != len({_set(wanted)}). "
            f"Sent extra: {_set(given - wanted)}. "
            f"Missing but required: {_set(wanted - given - set(signature.defaults))}."
        )


def _feeds(signature: Signature, inputs: Mapping[str, Array]) -> list[tuple[str, Array]]:
    feeds: list[tuple[str, Array]] = []
    used = 0
    for alias, info in signature.inputs.items():
        if alias in inputs:
            used += 1
            feeds.append((info.tensor, inputs[alias]))
        elif alias in signature.defaults:
            feeds.append((info.tensor, signature.defaults[alias]))
        else:
            raise InvalidArgument(
                f"Signature input alias: {alias}(feed name: {info.tensor}) not found in request and no default value "
                f"provided. Inputs expected to be in the request {_set(inputs)}, or default input alias set: "
                f"{_list(signature.defaults)}"
            )
    if used < len(inputs):
        known = set(inputs) & set(signature.inputs)
        raise InvalidArgument(
            f"Inputs contains invalid name. Used request inputs: {_list(known)}, request input: {_list(inputs)}"
        )
    return feeds


def _aliases(signature: Signature, output_filter: Sequence[str]) -> tuple[str, ...]:
    if not output_filter:
        return tuple(signature.outputs)
    seen: set[str] = set()
    for alias in output_filter:
        if alias not in signature.outputs:
            raise InvalidArgument(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set "
                f"{_set(signature.outputs)}."
            )
        if alias in seen:
            raise InvalidArgument(f"duplicate output tensor alias: {alias}")
        seen.add(alias)
    return tuple(output_filter)


def _list(names: Any) -> str:
    return ",".join(sorted(names))


def _set(names: Any) -> str:
    return f"{{{_list(names)}}}"
