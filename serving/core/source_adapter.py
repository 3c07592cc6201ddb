"""UnarySourceAdapter: turns a list of one kind (paths) into a list of another (loaders), item by item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from serving.core.servable_data import ServableData
from serving.errors import ServingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serving.core.servable_id import ServableId

In = TypeVar("In")
Out = TypeVar("Out")


class UnarySourceAdapter(Generic[In, Out]):
    """A target for `In` and a source of `Out`. Errors pass through; a failing conversion becomes one."""

    def __init__(
        self,
        convert: Callable[[ServableId, In], Out],
        target: Callable[[str, Sequence[ServableData[Out]]], None],
    ) -> None:
        self._convert = convert
        self._target = target

    def set_aspired_versions(self, name: str, versions: Sequence[ServableData[In]]) -> None:
        """Converts the list and hands it on."""
        self._target(name, [self._one(data) for data in versions])

    def _one(self, data: ServableData[In]) -> ServableData[Out]:
        try:
            return ServableData(data.id, self._convert(data.id, data.get()))
        except ServingError as error:
            return ServableData(data.id, error)


class ErrorInjectingSourceAdapter(Generic[In, Out]):
    """Turns every item into one error: where a router sends what it knows no other place for."""

    def __init__(self, error: ServingError, target: Callable[[str, Sequence[ServableData[Out]]], None]) -> None:
        self._error = error
        self._target = target

    def set_aspired_versions(self, name: str, versions: Sequence[ServableData[In]]) -> None:
        """Hands on a list of errors."""
        self._target(name, [ServableData(data.id, self._error) for data in versions])
