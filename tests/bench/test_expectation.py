"""Wrong answers are found whatever protocol they came by."""

import json

import numpy as np
import pytest

from tests.bench.load.errors import BadAnswer
from tests.bench.load.expectation import CHECKED, Expectation, bytes_hold, json_holds

Y = np.asarray([0.25, -1.5, 3e-3], np.float32)


@pytest.mark.parametrize("before", [b"", b"\x08\x01\x22\x0c", b"odd"])
def test_floats_are_found_anywhere_in_a_message(before):
    """A packed field needs no alignment."""
    assert bytes_hold(before + Y.tobytes() + b"\x12", Y)


def test_other_floats_are_not_found():
    """The same numbers in another order are not the answer."""
    assert not bytes_hold(Y[::-1].tobytes(), Y)


@pytest.mark.parametrize(
    "document",
    [{"predictions": [Y.tolist()]}, {"outputs": [{"shape": [1, 3], "data": Y.tolist()}]}, [Y.tolist(), True]],
)
def test_numbers_are_found_anywhere_in_a_document(document):
    """Every form of answer holds them one after another."""
    assert json_holds(json.dumps(document).encode(), Y)


def test_a_wrong_document_is_refused():
    """An answer of other numbers raises, with the answer's beginning."""
    with pytest.raises(BadAnswer, match="does not hold"):
        Expectation(Y.tolist(), is_json=True).check(b'{"predictions": [[0.25, -1.5, 4e-3]]}')


def test_later_answers_may_not_be_empty():
    """After the first answers the length is still looked at."""
    expectation = Expectation(Y.tolist(), is_json=False)
    for _ in range(CHECKED):
        expectation.check(Y.tobytes())

    with pytest.raises(BadAnswer, match="0 bytes"):
        expectation.check(b"")
