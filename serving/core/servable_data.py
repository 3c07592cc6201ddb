"""ServableData: what travels from source to manager, an id with a value (a path, a loader) or with an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from serving.errors import ServingError

if TYPE_CHECKING:
    from serving.core.servable_id import ServableId

T = TypeVar("T")


@dataclass(frozen=True)
class ServableData(Generic[T]):
    """An id with a value, or with the error that there is none."""

    id: ServableId
    value: T | ServingError

    def get(self) -> T:
        """The value; raises the error if that is what was sent."""
        if isinstance(self.value, ServingError):
            raise self.value
        return self.value
