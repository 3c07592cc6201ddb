"""Tagger: which of several known answers an answer is, so that it tells which version gave it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.load.errors import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = -1
_FLOAT_VAL = 5 << 3 | 2


class Tagger:
    """Stands where an Expectation does; `last` is the position of the answer that was checked last.

    Args:
      answers: Rows of numbers, no two of them near one another; TensorFlow Serving's forms of an answer only.
    """

    def __init__(self, answers: Sequence[Sequence[float]], *, is_json: bool) -> None:
        self.last = FAILED
        self._answers = np.asarray(answers, np.float64)
        self._read = _read_json if is_json else self._read_proto

    def check(self, answer: bytes) -> None:
        """Raises BadAnswer if it is none of them."""
        self.last = FAILED
        found = self._read(answer)
        if found.shape == self._answers.shape[1:]:
            near = np.flatnonzero(np.isclose(self._answers, found, rtol=1e-3, atol=1e-4).all(axis=1))
            if len(near) == 1:
                self.last = int(near[0])
                return
        raise BadAnswer(f"the answer is of no version: {answer[:200]!r}")

    def _read_proto(self, answer: bytes) -> np.ndarray:
        size = 4 * self._answers.shape[1]
        start = answer.find(bytes((_FLOAT_VAL, size)))
        return np.frombuffer(answer[start + 2 : start + 2 + size] if start >= 0 else b"", "<f4")


def _read_json(answer: bytes) -> np.ndarray:
    return np.asarray(json.loads(answer)["predictions"][0], np.float64).reshape(-1)
