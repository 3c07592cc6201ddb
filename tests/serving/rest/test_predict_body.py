import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from serving.errors import ServingError
from serving.rest import simd_reader
from serving.rest.exact_body import ParsedBody
from serving.rest.json_reader import read
from serving.rest.predict_body import PredictBody

DTYPES = ["float", "double", "int8", "uint8", "int16", "int32", "int64", "uint32", "uint64", "bool", "string", "half"]


def exact(body, dtypes):
    """What the exact reader alone makes of a body, errors too."""
    try:
        parsed = ParsedBody(read(body))
        row_form, tensors = parsed.inputs(dtypes)
    except ServingError as error:
        return error.code, error.message
    return parsed.signature_name, row_form, described(tensors)


def fast(body, dtypes):
    """What PredictBody makes of it."""
    try:
        parsed = PredictBody(body)
        tensors = parsed.inputs(dtypes)
    except ServingError as error:
        return error.code, error.message
    return parsed.signature_name, parsed.row_form, described(tensors)


def described(tensors):
    """Tensors to the bit."""
    return {
        alias: (str(tensor.dtype), tensor.shape, tensor.tolist() if tensor.dtype == object else tensor.tobytes())
        for alias, tensor in tensors.items()
    }


NUMBER = st.one_of(
    st.integers(-(2**65), 2**65).map(str),
    st.integers(-300, 300).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["-0", "-0.0", "1e400", "1e39", "-1e-50", "1E5", "1e+2", "0.1e-400", "01", "1.", "NaN", "-Inf"]),
)
LEAF = st.one_of(
    NUMBER,
    NUMBER,
    NUMBER,
    st.sampled_from(["true", "null", '"a"', '"["', '{"b64": "YQ=="}', '{"b64": "*"}', '"\\u00e9"']),
)
LISTS = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]"))
# The same rows again and again: regular, or nearly.
ROWS = st.tuples(LISTS, st.integers(1, 60), LISTS, st.booleans()).map(
    lambda row: "[" + ",".join([row[0]] * row[1] + [row[2]] * row[3]) + "]"
)
VALUES = st.one_of(LISTS, ROWS, ROWS)


def object_text(members):
    """A JSON object of texts."""
    return "{" + ", ".join(f'"{key}": {value}' for key, value in members) + "}"


NAMED = st.lists(st.tuples(st.sampled_from(["x", "y", "inputs"]), VALUES), max_size=3).map(object_text)
ROW_OF_NAMED = st.lists(st.tuples(st.sampled_from(["x", "y", "b64"]), LISTS), max_size=3).map(object_text)
NAMED_ROWS = st.tuples(ROW_OF_NAMED, st.integers(1, 4), ROW_OF_NAMED | LISTS, st.booleans()).map(
    lambda row: "[" + ",".join([row[0]] * row[1] + [row[2]] * row[3]) + "]"
)
MEMBERS = st.tuples(
    st.sampled_from(["instances", "inputs", "inputs", "signature_name", "x", "b64", "\\u0069nstances"]),
    st.one_of(VALUES, VALUES, NAMED, NAMED_ROWS, NAMED_ROWS, st.sampled_from(['"s"', '"instances"', '"[["', "7"])),
)
BODIES = st.lists(MEMBERS, min_size=1, max_size=3).map(object_text)


@settings(max_examples=400, deadline=None)
@given(
    BODIES,
    st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(DTYPES), min_size=1, max_size=2),
    st.sampled_from(
        ["", "", "", " ", "\n", "}", "\0", "x", '{"'],
    ),
)
@example('{"instances": [[1, 2, 3], [4]]}', {"x": "float"}, "")
@example('{"instances": [[1, [2]], [3, 4]]}', {"x": "float"}, "")
@example('{"instances": [[1], [2, 3], []]}', {"x": "float"}, "")
@example('{"instances": [[], []]}', {"x": "int32"}, "")
@example('{"instances": [[[1],[2]],[[3],4]]}', {"x": "float"}, "")
@example('{"inputs": {"b64": "YQ=="}}', {"x": "string"}, "")
@example('{"inputs": {"b64": [1]}}', {"b64": "float"}, "")
@example('{"inputs": {"x": [1], "x": [2]}}', {"x": "float"}, "")
@example('{"instances": [{"x": [1, [2]]}, {"x": [3, 4]}]}', {"x": "float"}, "")
@example('{"instances": [{"x": [1, 2, 3]}, {"x": [4]}]}', {"x": "float"}, "")
@example('{"instances": [{"x": 1, "x": 2}, {"x": 3, "x": 4}]}', {"x": "float"}, "")
@example('{"instances": [{"b64": 1}]}', {"b64": "float"}, "")
@example('{"instances": [{"b64": "YQ=="}]}', {"b64": "string"}, "")
@example('{"instances": [{"x": 1}, {"x": true}]}', {"x": "float"}, "")
@example('{"instances": [{"x": 1}, [1]]}', {"x": "float"}, "")
@example('{"instances": [{"x": 1}, 1]}', {"x": "float"}, "")
@example('{"instances": [1, {"x": 1}]}', {"x": "float"}, "")
@example('{"instances": {"x": 1}}', {"x": "float"}, "")
@example('{"instances": "x"}', {"x": "string"}, "")
@example('{"inputs": "x"}', {"x": "string"}, "")
def test_the_quick_way_says_what_the_exact_one_does(text, dtypes, after):
    """To the bit, for any document, whole or not; errors to the letter."""
    body = (text + after).encode()

    assert exact(body, dtypes) == fast(body, dtypes)


@given(st.binary(max_size=30), st.sampled_from(DTYPES))
def test_any_bytes(body, dtype):
    """Neither way breaks."""
    assert exact(body, {"x": dtype}) == fast(body, {"x": dtype})


@pytest.mark.parametrize("shape", [(1, 10), (32, 10), (1, 784), (3, 20, 20), (1, 64, 64, 3), (100, 1), (5,), (60, 0)])
@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_a_regular_body_is_read_the_quick_way(shape, key):
    """Not by falling back."""
    array = np.random.default_rng(1).random(shape, np.float32)
    body = json.dumps({"signature_name": "s", key: array.tolist()}).encode()
    parsed = simd_reader.read_body(body)

    assert parsed
    assert "s" == parsed.signature_name
    tensors = parsed.inputs({"x": "float"})
    assert tensors
    np.testing.assert_array_equal(array, tensors["x"])


@pytest.mark.parametrize(
    ("text", "dtypes"),
    [
        ('{"inputs": {"a": [[1, 2]], "b": [3]}}', {"a": "float", "b": "int64"}),
        ('{"inputs": {"a": ["x"]}, "signature_name": "s"}', {"a": "string"}),
        ('{"instances": [{"b64": "YQ=="}, "b"]}', {"a": "string"}),
        ('{"instances": [{"a": [1, 2], "b": 3}, {"a": [4, 5], "b": 6}]}', {"a": "float", "b": "int64"}),
        ('{"instances": [{"a": {"b64": "YQ=="}}, {"a": "b"}]}', {"a": "string"}),
        ('{"instances": [{"a": %s}, {"a": %s}]}' % ((json.dumps(np.ones((60, 3)).tolist()),) * 2), {"a": "float"}),
        ('{"instances": [[1], [2]], "signature_name": "s"}', {"a": "uint8"}),
        ('\ufeff{"instances": [1, 2]}', {"a": "uint64"}),
    ],
)
def test_other_common_bodies_are_read_the_quick_way(text, dtypes):
    """Several inputs, strings, integers."""
    parsed = simd_reader.read_body(text.encode())

    assert parsed
    assert parsed.inputs(dtypes) is not None


@given(npst.arrays(np.float32, npst.array_shapes(max_dims=4, max_side=9)))
def test_any_floats_come_through_to_the_bit(array):
    """As a client's own JSON writes them; NaN and infinities by the exact way."""
    body = json.dumps({"inputs": array.tolist()}).encode()
    tensor = PredictBody(body).inputs({"x": "float"})["x"]

    assert np.where(np.isnan(array), math.nan, array).tobytes() == tensor.tobytes() or np.isnan(array).any()
    np.testing.assert_array_equal(array, tensor)


def test_bodies_parsed_at_the_same_time_keep_apart():
    """Each has a parser of its own until its tensors are taken."""
    bodies = [PredictBody(b'{"instances": [%d]}' % index) for index in range(40)]

    assert [[index] for index in range(40)] == [body.inputs({"x": "int32"})["x"].tolist() for body in bodies]
