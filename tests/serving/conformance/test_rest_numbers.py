"""How floats are written: section 8.5 (WriteDecimal in util/json_tensor.cc of TF Serving 2.20.0).

Six digits if they read back equal, else 9 for a float and 17 for a double; `.0` if neither a point nor an `e` is there.
"""

from __future__ import annotations

import pytest

from tests.serving.conformance.wire import error_body

FLOATS = [
    # value, text
    ("0.0", "0.0"),
    ("-0.0", "-0.0"),
    ("1.0", "1.0"),
    ("-1.0", "-1.0"),
    ("0.5", "0.5"),
    ("0.1", "0.1"),
    ("0.2", "0.2"),
    ("0.3", "0.3"),
    ("1.1", "1.1"),
    ("2.5", "2.5"),
    ("100.0", "100.0"),
    ("3.14", "3.14"),
    ("3.14159", "3.14159"),
    ("3.1415927", "3.14159274"),
    ("2.7182817", "2.71828175"),
    ("0.33333334", "0.333333343"),
    ("0.6666667", "0.666666687"),
    ("123456.0", "123456.0"),
    ("999999.0", "999999.0"),
    ("1000000.0", "1e+06"),
    ("9000000.0", "9e+06"),
    ("1234567.0", "1234567.0"),
    ("1500000.0", "1.5e+06"),
    ("16777216.0", "16777216.0"),
    ("123456789.0", "123456792.0"),
    ("1e8", "1e+08"),
    ("1e9", "1e+09"),
    ("1e10", "1e+10"),
    ("1e20", "1e+20"),
    ("1e38", "1e+38"),
    ("3.4028235e38", "3.40282347e+38"),
    ("-3.4028235e38", "-3.40282347e+38"),
    ("0.0001", "0.0001"),
    ("0.00001", "1e-05"),
    ("0.00003", "3e-05"),
    ("0.000123", "0.000123"),
    ("0.00012345678", "0.000123456775"),
    ("1e-10", "1e-10"),
    ("1.1754944e-38", "1.17549435e-38"),
    ("1e-45", "1.4013e-45"),
    ("0.99999994", "0.99999994"),
    ("1.0000001", "1.00000012"),
    ("12345.678", "12345.6777"),
    ("1234.5", "1234.5"),
]

DOUBLES = [
    ("0.0", "0.0"),
    ("-0.0", "-0.0"),
    ("0.1", "0.1"),
    ("0.30000000000000004", "0.30000000000000004"),
    ("3.141592653589793", "3.1415926535897931"),
    ("2.718281828459045", "2.7182818284590451"),
    ("0.3333333333333333", "0.33333333333333331"),
    ("123456.0", "123456.0"),
    ("1234567.0", "1234567.0"),
    ("1000000.0", "1e+06"),
    ("123456789.0", "123456789.0"),
    ("123456789.125", "123456789.125"),
    ("9007199254740993.0", "9007199254740992.0"),
    ("1e16", "1e+16"),
    ("1e17", "1e+17"),
    ("123456789012345678", "1.2345678901234568e+17"),
    ("1e22", "1e+22"),
    ("1e300", "1e+300"),
    ("1.7976931348623157e308", "1.7976931348623157e+308"),
    ("2.2250738585072014e-308", "2.2250738585072014e-308"),
    ("5e-324", "4.94066e-324"),
    ("0.00001", "1e-05"),
    ("0.000123", "0.000123"),
    ("1.5", "1.5"),
    ("-1.5e-7", "-1.5e-07"),
]


@pytest.mark.parametrize(("value", "text"), FLOATS)
def test_a_float32(main, value, text):
    """Alone, as a scalar."""
    answer = main.post("/v1/models/echo:predict", f'{{"inputs": {value}}}')

    assert (200, f'{{\n    "outputs": {text}\n}}'.encode()) == (answer.status, answer.body)


@pytest.mark.parametrize(("value", "text"), DOUBLES)
def test_a_float64(main, value, text):
    """Alone, as a scalar."""
    answer = main.post("/v1/models/echo:predict", f'{{"signature_name": "float64", "inputs": {value}}}')

    assert (200, f'{{\n    "outputs": {text}\n}}'.encode()) == (answer.status, answer.body)


def test_all_floats_in_one_list(main):
    """The same texts when there are many."""
    body = f'{{"instances": [{", ".join(value for value, _ in FLOATS)}]}}'
    answer = main.post("/v1/models/echo:predict", body)

    expected = ", ".join(text for _, text in FLOATS)
    assert f'{{\n    "predictions": [{expected}\n    ]\n}}'.encode() == answer.body


@pytest.mark.parametrize("body", ['{"signature_name": "complex_out", "%s": [1]}'])
@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_a_dtype_without_json_cannot_be_answered(main, body, key):
    """It is the model's answer that REST cannot write."""
    answer = main.post("/v1/models/echo:predict", body % key)

    assert (400, error_body("Failed to write JSON value for tensor type: complex64")) == (answer.status, answer.body)
