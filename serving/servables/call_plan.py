"""CallPlan: what one set of feeds and fetches asks of a graph: element types, order, repeats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import InvalidArgument
from serving.servables import dtypes
from serving.servables.tensorflow_errors import as_serving_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Array = NDArray[Any]


@dataclass(frozen=True)
class CallPlan:
    """Feeds and fetches by tensor name, in the caller's order."""

    feeds: tuple[str, ...]
    fetches: tuple[str, ...]
    # One per feed, TensorFlow's DataType.
    numbers: tuple[int, ...]
    # One per fetch.
    fetched: tuple[int, ...]

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """What the graph is asked for, sorted: no repeats, and nothing that is fed, which TensorFlow would refuse."""
        return tuple(sorted(set(self.fetches) - set(self.feeds)))

    @cached_property
    def _fits(self) -> list[np.dtype[Any] | None]:
        return [found.numpy if (found := dtypes.BY_NUMBER.get(number)) else None for number in self.numbers]

    @cached_property
    def _quantized(self) -> list[tuple[int, np.dtype[Any]]]:
        """Which of what is asked for comes as plain numbers, and what they are."""
        numbers = dict(zip(self.fetches, self.fetched, strict=True))
        found = (dtypes.QUANTIZED.get(numbers[name] % dtypes.REF) for name in self.asked)
        return [(index, dtype) for index, dtype in enumerate(found) if dtype]

    @cached_property
    def _picks(self) -> list[int]:
        """Where each fetch is among what was asked for and, behind that, what was fed; empty: they are the same."""
        pool = [*self.asked, *self.feeds]
        return [] if self.asked == self.fetches else [pool.index(name) for name in self.fetches]

    def run(self, arrays: list[Array], call: Callable[[list[Array]], list[Any]] | None) -> list[Array]:
        """The fetches' values; `call` answers asked, None: there are none.

        Raises: InvalidArgument for an array of another element type; ServingError with TensorFlow's code and text.
        """
        for array, dtype in zip(arrays, self._fits, strict=True):
            if array.dtype is not dtype:
                arrays = self._fitted(arrays)
                break
        try:
            values = [_as_array(value) for value in call(arrays)] if call else []
        except Exception as error:  # noqa: BLE001 - only TensorFlow's become another
            raise as_serving_error(error) from None
        for index, dtype in self._quantized:
            values[index] = values[index].view(dtype)
        if not self._picks:
            return values
        pool = values + arrays
        return [pool[index] for index in self._picks]

    def _fitted(self, arrays: Sequence[Array]) -> list[Array]:
        """The arrays in the machine's byte order; refused in the order in which DirectSession::Run counts them."""
        by_name = sorted(zip(self.feeds, arrays, self.numbers, strict=True), key=lambda feed: feed[0])
        for index, (_, array, number) in enumerate(by_name):
            given = dtypes.of_array(array)
            if given is None or given.number != number % dtypes.REF:
                name = given.name if given else str(array.dtype)
                raise InvalidArgument(f"Expects arg[{index}] to be {dtypes.name_of(number)} but {name} is provided")
        return [
            np.asarray(array, dtypes.BY_NUMBER[n % dtypes.REF].numpy)
            for array, n in zip(arrays, self.numbers, strict=True)
        ]


def _as_array(value: Any) -> Array:
    """A callable gives scalars as Python or numpy values."""
    if type(value) is np.ndarray:
        return value
    return np.array(value, object) if isinstance(value, bytes) else np.asarray(value)
