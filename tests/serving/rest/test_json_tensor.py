import base64
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from serving.errors import Code, ServingError
from serving.rest.json_tensor import inputs_from_json, tensor_from_json

X = {"x": "float"}
AB = {"a": "float", "b": "int64"}


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (1, "float", np.float32(1)),
        ([1, 2.5], "float", np.array([1, 2.5], np.float32)),
        ([[1], [2]], "double", np.array([[1.0], [2.0]])),
        ([], "float", np.zeros(0, np.float32)),
        ([[], []], "float", np.zeros((2, 0), np.float32)),
        ([1e300, -1e300, 1e-300], "float", np.array([math.inf, -math.inf, 0], np.float32)),
        ([math.nan], "float", np.array([math.nan], np.float32)),
        ([300, -1], "uint8", np.array([44, 255], np.uint8)),
        ([2**63 - 1], "int64", np.array([2**63 - 1])),
        ([2**64 - 1], "uint64", np.array([2**64 - 1], np.uint64)),
        ([True, False], "bool", np.array([True, False])),
        (["é", {"b64": "AP8="}], "string", np.array(["é".encode(), b"\x00\xff"], object)),
        ({"b64": "YQ=="}, "string", np.array(b"a", object)),
    ],
)
def test_a_tensor(value, dtype, expected):
    """Values by dtype, shape by nesting."""
    tensor = tensor_from_json(value, dtype)

    assert expected.dtype == tensor.dtype
    np.testing.assert_array_equal(expected, tensor)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        ([1, [2]], "float", "Encountered list at unexpected level: 1 expected < 1"),
        ([[1, 2], [3]], "float", "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ([[1], 2], "float", "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        (1.5, "int32", "JSON Value: 1.5 Type: Number is not of expected type: int32"),
        (1.0, "int32", "JSON Value: 1.0 Type: Number is not of expected type: int32"),
        (2**31, "int8", "JSON Value: 2147483648 Type: Number is not of expected type: int8"),
        (-1, "uint32", "JSON Value: -1 Type: Number is not of expected type: uint32"),
        (2**63, "int64", "JSON Value: 9223372036854775808 Type: Number is not of expected type: int64"),
        ("1", "float", 'JSON Value: "1" Type: String is not of expected type: float'),
        (True, "float", "JSON Value: true Type: True is not of expected type: float"),
        (None, "float", "JSON Value: null Type: Null is not of expected type: float"),
        (1, "bool", "JSON Value: 1 Type: Number is not of expected type: bool"),
        ([[1], [False]], "float", "JSON Value: false Type: False is not of expected type: float"),
        ({"a": 1}, "float", 'JSON Value: {\n    "a": 1\n} Type: Object is not of expected type: float'),
        (1, "string", "JSON Value: 1 Type: Number is not of expected type: string"),
        ({"b64": "*"}, "string", "Unable to base64 decode"),
        ({"b64": 1}, "string", 'JSON Value: {\n    "b64": 1\n} not formatted correctly for base64 data'),
        (1, "half", "Conversion of JSON Value: 1 to type: half"),
    ],
)
def test_a_misfit(value, dtype, expected):
    """The first thing wrong, in upstream's words."""
    with pytest.raises(ServingError) as refused:
        tensor_from_json(value, dtype)

    assert expected == refused.value.message
    assert (Code.UNIMPLEMENTED if dtype == "half" else Code.INVALID_ARGUMENT) == refused.value.code


MAP = " as per tensorinfo_map"
KEYS = "0 of 'instances' list. JSON object: {\n    \"a\": 1\n} keys must be equal to: a,b"
NOT_INT64 = "JSON Value: 1.5 Type: Number is not of expected type: int64"


def failed(where, error, code="INVALID_ARGUMENT"):
    """An error of one element, wrapped as upstream does."""
    return f"Failed to process element: {where} of 'instances' list. Error: {code}: {error}"


@pytest.mark.parametrize(
    ("document", "dtypes", "expected"),
    [
        ({"instances": [1], "inputs": [1]}, X, "expecting only one of 'inputs' or 'instances' keys to exist "),
        ({"x": 1}, X, "Missing 'inputs' or 'instances' key"),
        ({"instances": 1}, X, "Expecting 'instances' to be an list/array"),
        ({"instances": []}, X, "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
        ({"instances": [[1, 2], [1, 2, 3]]}, X, failed("1", "Expecting tensor size: 2 but got: 3")),
        ({"instances": [[1, 2], [[1, 2]]]}, X, failed("1", "Expecting shape [2] but got: [1,2]")),
        ({"instances": [1, "a"]}, X, failed("1", 'JSON Value: "a" Type: String is not of expected type: float')),
        ({"instances": [1]}, {"x": "half"}, failed("0", "Conversion of JSON Value: 1 to type: half", "UNIMPLEMENTED")),
        ({"instances": [{"a": 1, "b": 2}, 3]}, AB, "Expecting object but got list at item 1 of input list"),
        ({"instances": [3, {"x": 1}]}, X, "Expecting value/list but got object at item 1 of input list"),
        ({"instances": [{"c": 1}]}, AB, failed("0 key: c", "JSON object: does not have named input: c")),
        ({"instances": [{"a": 1}]}, AB, KEYS),
        ({"instances": [{"a": 1, "b": 1.5}]}, AB, failed("0 key: b", NOT_INT64)),
        (
            {"instances": [1]},
            AB,
            "instances is a plain list, but expecting list of objects as multiple input tensors required" + MAP,
        ),
        ({"inputs": {"a": 1}}, AB, "Missing named input: b in 'inputs' object."),
        (
            {"inputs": [1]},
            AB,
            "inputs is a plain value/list, but expecting an object as multiple input tensors required" + MAP,
        ),
    ],
)
def test_a_body_that_does_not_fit(document, dtypes, expected):
    """Both forms, in upstream's words."""
    with pytest.raises(ServingError) as refused:
        inputs_from_json(document, dtypes)

    assert refused.value.message.endswith(expected)


@pytest.mark.parametrize(
    ("document", "dtypes", "expected"),
    [
        ({"instances": [1, 2]}, X, (True, {"x": [1, 2]})),
        ({"instances": [{"x": 1}, {"x": 2}]}, X, (True, {"x": [1, 2]})),
        ({"instances": [{"a": [1], "b": 2}, {"b": 3, "a": [4]}]}, AB, (True, {"a": [[1], [4]], "b": [2, 3]})),
        ({"instances": [{"b64": "YQ=="}]}, {"x": "string"}, (True, {"x": [b"a"]})),
        ({"instances": [{"x": {"b64": "YQ=="}}]}, {"x": "string"}, (True, {"x": [b"a"]})),
        ({"inputs": 1}, X, (False, {"x": 1})),
        ({"inputs": {"x": [1]}}, X, (False, {"x": [1]})),
        ({"inputs": {"a": [1], "b": 2, "more": "ignored"}}, AB, (False, {"a": [1], "b": 2})),
        ({"inputs": {"b64": "YQ=="}}, {"x": "string"}, (False, {"x": b"a"})),
    ],
)
def test_a_body(document, dtypes, expected):
    """Row and column form, named and not."""
    row_form, tensors = inputs_from_json(document, dtypes)

    assert expected == (row_form, {alias: tensor.tolist() for alias, tensor in tensors.items()})


@given(
    npst.arrays(st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.bool_]), npst.array_shapes(max_dims=4))
)
def test_any_array_comes_back(array):
    """Through nested lists, by the quick way."""
    names = {"float32": "float", "float64": "double"}
    dtype = names.get(str(array.dtype), str(array.dtype))

    np.testing.assert_array_equal(array, tensor_from_json(array.tolist(), dtype))


@given(st.lists(st.binary(), min_size=1))
def test_any_bytes_come_back(values):
    """Through b64 objects."""
    encoded = [{"b64": base64.b64encode(value).decode()} for value in values]

    assert values == tensor_from_json(encoded, "string").tolist()


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)


@given(
    st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner)),
    st.sampled_from(["float", "double", "int8", "int64", "uint64", "bool", "string", "half"]),
)
def test_any_value_gives_a_tensor_or_a_refusal(value, dtype):
    """Never anything else, whatever the nesting."""
    try:
        tensor_from_json(value, dtype)
    except ServingError as error:
        refused = error.code

        assert refused in (Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED)


def test_any_depth_of_nesting_is_refused_in_words():
    """However deep an object is that stands where a number ought to."""
    value = 1
    for _ in range(50_000):
        value = [{"x": value}]

    with pytest.raises(ServingError, match=r"(?s)JSON Value: .* Type: Object is not of expected type: float"):
        inputs_from_json({"instances": [{"x": value}]}, X)
