import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from serving.errors import InvalidArgument
from serving.rest.json_text import double, quoted, shown
from serving.rest.tensor_json import (
    classification_results,
    double_text,
    float_text,
    float_texts,
    outputs,
    outputs_together,
    predictions,
    predictions_together,
    regression_results,
)


def f32(*values):
    """A float32 array."""
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2.5, "2.5"),
        (3, "3.0"),
        (0.2, "0.2"),
        (1 / 3, "0.333333343"),
        (9e6, "9e+06"),
        (999999, "999999.0"),
        (3e-5, "3e-05"),
        (16777217.0, "16777216.0"),
        (-0.0, "-0.0"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_a_float(value, expected):
    """6 digits if they read back equal, else 9."""
    assert expected == float_text(float(np.float32(value)))


def test_a_double():
    """6 digits if they read back equal, else 17."""
    assert ["0.1", "0.33333333333333331", "1e+300"] == [double_text(0.1), double_text(1 / 3), double_text(1e300)]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_any_float_reads_back(value):
    """No digit that matters is lost."""
    assert np.float32(float_text(value)) == np.float32(value)


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        ({"y": f32(2.5, 3, 4.5)}, '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'),
        ({"y": f32([1, 2], [3, 4])}, '{\n    "predictions": [[1.0, 2.0], [3.0, 4.0]\n    ]\n}'),
        ({"y": np.zeros((2, 0), np.float32)}, '{\n    "predictions": [[], []\n    ]\n}'),
        ({"y": f32()}, '{\n    "predictions": []\n}'),
        (
            {"b": f32(1, 2), "a": np.array([[1, 2], [3, 4]])},
            (
                '{\n    "predictions": [\n        {\n            "a": [1, 2],\n            "b": 1.0\n        },'
                '\n        {\n            "a": [3, 4],\n            "b": 2.0\n        }\n    ]\n}'
            ),
        ),
        ({"s": np.array(['é"'.encode()], object)}, '{\n    "predictions": ["é\\""\n    ]\n}'),
        (
            {"s_bytes": np.array([b"a"], object)},
            '{\n    "predictions": [{\n            "b64": "YQ=="\n        }\n    ]\n}',
        ),
        ({"t": np.array([True, False])}, '{\n    "predictions": [true, false\n    ]\n}'),
    ],
)
def test_the_row_form(tensors, expected):
    """RapidJSON's PrettyWriter with arrays of an element on one line."""
    assert expected == predictions(tensors)


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        ({"y": f32(2.5, 3)}, '{\n    "outputs": [\n        2.5,\n        3.0\n    ]\n}'),
        ({"y": np.float32(2)}, '{\n    "outputs": 2.0\n}'),
        (
            {"y": f32([1], [2])},
            (
                '{\n    "outputs": [\n        [\n            1.0\n        ],\n'
                "        [\n            2.0\n        ]\n    ]\n}"
            ),
        ),
        (
            {"a": np.array([1]), "b": np.array(2)},
            '{\n    "outputs": {\n        "a": [\n            1\n        ],\n        "b": 2\n    }\n}',
        ),
        ({"y": f32()}, '{\n    "outputs": []\n}'),
    ],
)
def test_the_column_form(tensors, expected):
    """Every element on a line of its own."""
    assert expected == outputs({alias: np.asarray(tensor) for alias, tensor in tensors.items()})


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        ({"y": np.array(1.0)}, "Tensor name: y has no shape information "),
        ({"a": f32(1), "b": f32(1, 2)}, "Tensor name: b has inconsistent batch size: 2 expecting: 1"),
        ({"y": np.array([1j], np.complex64)}, "Failed to write JSON value for tensor type: complex64"),
    ],
)
def test_what_the_row_form_cannot_carry(tensors, expected):
    """In upstream's words."""
    with pytest.raises(InvalidArgument) as refused:
        predictions(tensors)

    assert expected == str(refused.value)


@given(
    st.integers(1, 4),
    st.integers(0, 3),
    st.dictionaries(st.sampled_from(["a", "b", "c_bytes"]), st.sampled_from(["f4", "f8", "i4", "?"]), min_size=1),
    st.data(),
)
def test_shares_are_written_as_each_alone(count, rows, dtypes, data):
    """Both forms, one output and several, of any shape."""
    tensors = {}
    for alias, dtype in dtypes.items():
        shape = data.draw(npst.array_shapes(min_dims=0, min_side=0, max_dims=2, max_side=3))
        tensors[alias] = data.draw(npst.arrays(dtype, (rows * count, *shape)))
    alone = [{alias: tensor[rows * at : rows * (at + 1)] for alias, tensor in tensors.items()} for at in range(count)]

    assert list(map(predictions, alone)) == predictions_together(tensors, count)
    if rows:
        assert list(map(outputs, alone)) == outputs_together(tensors, count)


def test_classifications():
    """Pairs of label and score for each example."""
    assert '{\n    "results": [[["a", 0.5], ["b", 1.0]], [["c", 0.0]]\n    ]\n}' == classification_results(
        [[("a", 0.5), ("b", 1.0)], [("c", 0.0)]]
    )


def test_regressions():
    """One number for each example, all on one line."""
    assert '{\n    "results": [3.5, 4.0]\n}' == regression_results([3.5, 4.0])


def slow_float_text(value):
    """Upstream's rule, told plainly."""
    short = f"{value:.6g}"
    text = short if np.float32(short) == np.float32(value) else f"{value:.9g}"
    special = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return special.get(text) or (text if "." in text or "e" in text else f"{text}.0")


@settings(max_examples=300)
@given(npst.arrays(np.uint32, st.integers(0, 200), elements=st.integers(0, 2**32 - 1), fill=st.nothing()))
def test_many_floats_are_printed_as_one_by_one(bits):
    """Any bit pattern: subnormals, NaN, infinities."""
    values = bits.view(np.float32)

    assert [slow_float_text(value) for value in values.tolist()] == float_texts(values)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(-(10**7), 10**7), st.integers(-45, 38)), min_size=1, max_size=100),
    st.integers(-2, 2),
)
def test_floats_near_short_decimals(numbers, steps):
    """Where 6 digits just do, or just do not; and powers of ten."""
    with np.errstate(over="ignore"):
        values = np.array([float(f"{digits}e{exponent}") for digits, exponent in numbers] * 50).astype(np.float32)
        for _ in range(abs(steps)):
            values = np.nextafter(values, np.float32(math.copysign(math.inf, steps)))

    assert [slow_float_text(value) for value in values.tolist()] == float_texts(values)


@given(st.text())
def test_any_text_reads_back(text):
    """Escapes are JSON's."""
    assert text == json.loads(quoted(text))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.5, "1.5"),
        (1e21, "1e21"),
        (1e20, "100000000000000000000.0"),
        (1e-7, "1e-7"),
        (0.00001, "0.00001"),
        (1.25e30, "1.25e30"),
        (-0.0, "-0.0"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (123456.789, "123456.789"),
    ],
)
def test_a_number_in_a_message(value, expected):
    """As RapidJSON's Grisu prints it."""
    assert expected == double(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_in_a_message_reads_back(value):
    """It is the shortest form."""
    assert value == float(double(value))


def test_a_value_in_a_message_is_cut():
    """After 256 bytes, however deep or long it is."""
    deep = []
    for _ in range(100_000):
        deep = [deep]

    assert ["[" * 256, 256] == [shown(deep), len(shown(list(range(1000))))]
    assert '{\n    "a": [1, {\n            "b": null\n        }]\n}' == shown({"a": [1, {"b": None}]})
