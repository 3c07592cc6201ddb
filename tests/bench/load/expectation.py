"""Does an answer hold the right numbers? The same question for every server, whatever its message looks like."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.bench.load.errors import BadAnswer, WrongNumbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHECKED = 4
RELATIVE, ABSOLUTE = 1e-3, 1e-4


class Expectation:
    """Checks the first answers of a connection in full, and that none of the later ones is empty.

    `expected` is the row of float32 that the model gives, by TensorFlow itself.
    """

    def __init__(self, expected: Sequence[float], *, is_json: bool) -> None:
        self._expected = np.asarray(expected, np.float32)
        self._holds = json_holds if is_json else bytes_hold
        self._left = CHECKED

    def check(self, answer: bytes) -> None:
        """Raises WrongNumbers if the answer is not the right one, BadAnswer if it is too short to be."""
        if self._left > 0:
            if not self._holds(answer, self._expected):
                raise WrongNumbers(f"the answer does not hold the expected numbers: {answer[:200]!r}")
            self._left -= 1
        elif len(answer) < len(self._expected):
            raise BadAnswer(f"the answer has {len(answer)} bytes for {len(self._expected)} numbers")


def bytes_hold(answer: bytes, expected: np.ndarray[Any, Any]) -> bool:
    """Whether the numbers stand in the message as consecutive little-endian float32, which all packed fields are."""
    count = len(expected)
    first = expected[:1]
    for shift in range(4):
        floats = np.frombuffer(answer, "<f4", max(0, len(answer) - shift) // 4, shift)
        starts = np.flatnonzero(_near(floats, first))
        if any(len(floats) - at >= count and _near(floats[at : at + count], expected).all() for at in starts):
            return True
    return False


def json_holds(answer: bytes, expected: np.ndarray[Any, Any]) -> bool:
    """Whether the numbers stand in the document one after another, at any depth."""
    numbers = np.asarray(list(_numbers(json.loads(answer))), np.float64)
    count = len(expected)
    starts = range(len(numbers) - count + 1)
    return any(_near(numbers[start : start + count], expected).all() for start in starts)


def _near(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with np.errstate(all="ignore"):
        return np.asarray(np.isclose(found, expected, rtol=RELATIVE, atol=ABSOLUTE))


def _numbers(node: Any) -> Iterator[float]:
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _numbers(child)
    elif isinstance(node, (int, float)) and not isinstance(node, bool):
        yield float(node)
