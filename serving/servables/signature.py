"""Signature: the inputs and outputs of one SignatureDef, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from serving.servables.dtypes import name_of
from serving.servables.tensor_proto import to_array

if TYPE_CHECKING:
    from collections.abc import Mapping

Array = NDArray[Any]
DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class TensorInfo:
    """The graph's tensor behind an alias. `dtype` is TensorFlow's name (`float`, `int64`, `string`)."""

    tensor: str
    dtype: str


@dataclass(frozen=True)
class Signature:
    """What a signature takes and gives, by alias, sorted; `defaults`: the values of inputs that may be left out."""

    method_name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    defaults: Mapping[str, Array]


def from_proto(signature_def: Any) -> Signature:
    """The plain form of a SignatureDef."""
    return Signature(
        signature_def.method_name,
        {alias: _tensor_info(info) for alias, info in sorted(signature_def.inputs.items())},
        {alias: _tensor_info(info) for alias, info in sorted(signature_def.outputs.items())},
        {alias: to_array(proto) for alias, proto in signature_def.defaults.items()},
    )


def _tensor_info(info: Any) -> TensorInfo:
    return TensorInfo(info.name, name_of(info.dtype))
