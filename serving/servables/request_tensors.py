"""RequestTensors: a PredictRequest's inputs as arrays, each decoded when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from serving.errors import InvalidArgument
from serving.servables.tensor_proto import to_array

Array = NDArray[Any]


class RequestTensors(Mapping[str, Array]):
    """By alias; names can be checked before values. A value raises InvalidArgument when it holds no tensor."""

    def __init__(self, protos: Mapping[str, Any]) -> None:
        self._protos = protos

    def __getitem__(self, alias: str) -> Array:  # noqa: D105
        if alias not in self._protos:  # a protobuf map would make one
            raise KeyError(alias)
        try:
            return to_array(self._protos[alias])
        except ValueError:
            raise InvalidArgument(f"tensor parsing error: {alias}") from None

    def __contains__(self, alias: object) -> bool:  # noqa: D105
        return alias in self._protos

    def __iter__(self) -> Iterator[str]:  # noqa: D105
        return iter(self._protos)

    def __len__(self) -> int:  # noqa: D105
        return len(self._protos)
