"""A request that fits a pattern says what reading it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tensorflow_serving.apis import predict_pb2

from serving.servables.tensor_proto import from_array
from serving.wire.predict_request import read_predict_request
from serving.wire.request_pattern import pattern_of


def message(array, *, name="m", alias="x", filters=(), as_content=False, spec_last=False) -> bytes:
    """A request with one tensor; fields in the order of their numbers, or the spec at the end."""
    rest, spec = predict_pb2.PredictRequest(), predict_pb2.PredictRequest()
    spec.model_spec.name = name
    rest.inputs[alias].CopyFrom(from_array(array, as_tensor_content=as_content))
    rest.output_filter.extend(filters)
    parts = [spec.SerializeToString(), rest.SerializeToString()]
    return b"".join(reversed(parts) if spec_last else parts)


def pattern(data):
    """That of these bytes."""
    return pattern_of(data, read_predict_request(data))


layouts = st.fixed_dictionaries(
    {"filters": st.sampled_from([(), ("y",), ("y", "z")]), "as_content": st.booleans(), "spec_last": st.booleans()}
)
pairs = npst.array_shapes(min_dims=0, max_dims=3, max_side=4).flatmap(
    lambda shape: st.tuples(*[npst.arrays(np.float32, shape)] * 2)
)


@given(pairs, layouts)
@settings(max_examples=200)
def test_other_values_are_read_without_reading(arrays, layout):
    """Any values, wherever the other fields are."""
    first, second = (message(array, **layout) for array in arrays)
    found = pattern(first).array(second)

    (expected,) = read_predict_request(second).inputs.values()
    assert expected.dtype == found.dtype
    assert expected.shape == found.shape
    assert expected.tobytes() == found.tobytes()


@given(pairs, st.data())
@settings(max_examples=200)
def test_whatever_else_differs_is_no_fit(arrays, data):
    """One changed byte before or behind the values: it is read again, or reading says the same."""
    first, second = (message(array, filters=("y",)) for array in arrays)
    known = pattern(first)
    at = data.draw(st.sampled_from([i for i in range(len(first)) if i < 14 or i >= len(first) - 3]))
    changed = bytearray(second)
    changed[at] ^= data.draw(st.integers(1, 255))

    assert known.array(bytes(changed)) is None


@pytest.mark.parametrize(
    "array",
    [np.array([b"text"], object), np.array([True]), np.array([3], np.int32), np.zeros((0, 2), np.float32)],
    ids=["strings", "bools", "varints", "nothing"],
)
def test_values_that_are_not_as_they_lie_have_no_pattern(array):
    """They are read every time."""
    assert pattern(message(array)) is None


def test_two_tensors_have_no_pattern():
    """Nor has none."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    assert pattern(request.SerializeToString()) is None
    for alias in "ab":
        request.inputs[alias].CopyFrom(from_array(np.ones(3, np.float32)))
    assert pattern(request.SerializeToString()) is None


def test_much_around_the_values_is_not_kept():
    """Names as long as clients like."""
    assert pattern(message(np.ones(3, np.float32), alias="x" * 5000)) is None
