"""One Predict by REST in columns and by gRPC: sections 7.2, 8.4 and 8.5. A row holds both requests and both answers."""

# ruff: noqa: E501, ISC004, PLR0917 -- a table is read row by row

from __future__ import annotations

import math

import pytest

from tests.serving.conformance.wire import error_body, shown, tensor

NAN, INF = math.nan, math.inf

PREDICTIONS = [
    # name, model, signature, REST "inputs", gRPC inputs, REST answer (None: REST cannot), gRPC outputs
    ("floats", "half", "", "[1.0, 2.0, 5.0]", {"x": ("float32", [1.0, 2.0, 5.0])},
     '{\n    "outputs": [\n        2.5,\n        3.0,\n        4.5\n    ]\n}', {"y": ("float32", [3], [2.5, 3.0, 4.5])}),
    ("named input", "half", "", '{"x": [1.0]}', {"x": ("float32", [1.0])},
     '{\n    "outputs": [\n        2.5\n    ]\n}', {"y": ("float32", [1], [2.5])}),
    ("any shape is fed", "half", "", "[[[1.0, 2.0]]]", {"x": ("float32", [[[1.0, 2.0]]])},
     '{\n    "outputs": [\n        [\n            [\n                2.5,\n                3.0\n            ]\n        ]\n'
     "    ]\n}", {"y": ("float32", [1, 1, 2], [2.5, 3.0])}),
    ("scalar", "half", "", "3.0", {"x": ("float32", 3.0)},
     '{\n    "outputs": 3.5\n}', {"y": ("float32", [], [3.5])}),
    ("named scalar", "half", "", '{"x": 3.0}', {"x": ("float32", 3.0)},
     '{\n    "outputs": 3.5\n}', {"y": ("float32", [], [3.5])}),
    ("no rows", "half", "", "[]", {"x": ("float32", [])},
     '{\n    "outputs": []\n}', {"y": ("float32", [0], [])}),
    ("no columns", "echo", "", "[[], []]", {"x": ("float32", [[], []])},
     '{\n    "outputs": [\n        [],\n        []\n    ]\n}', {"y": ("float32", [2, 0], [])}),
    ("matrix", "matrix", "", "[[1.0, 2.0], [3.0, 4.0]]", {"x": ("float32", [[1.0, 2.0], [3.0, 4.0]])},
     '{\n    "outputs": [\n        [\n            21.0\n        ],\n        [\n            43.0\n        ]\n    ]\n}',
     {"y": ("float32", [2, 1], [21.0, 43.0])}),
    ("rank 3", "echo", "int32", "[[[1], [2]], [[3], [4]]]", {"x": ("int32", [[[1], [2]], [[3], [4]]])},
     '{\n    "outputs": [\n        [\n            [\n                1\n            ],\n            [\n                2\n'
     "            ]\n        ],\n        [\n            [\n                3\n            ],\n            [\n"
     "                4\n            ]\n        ]\n    ]\n}", {"y": ("int32", [2, 2, 1], [1, 2, 3, 4])}),
    ("NaN and infinities", "echo", "", "[NaN, Inf, -Inf]", {"x": ("float32", [NAN, INF, -INF])},
     '{\n    "outputs": [\n        NaN,\n        Infinity,\n        -Infinity\n    ]\n}',
     {"y": ("float32", [3], [NAN, INF, -INF])}),
    ("float64", "echo", "float64", "[0.1, 1e300]", {"x": ("float64", [0.1, 1e300])},
     '{\n    "outputs": [\n        0.1,\n        1e+300\n    ]\n}', {"y": ("float64", [2], [0.1, 1e300])}),
    ("int8", "echo", "int8", "[-128, 127]", {"x": ("int8", [-128, 127])},
     '{\n    "outputs": [\n        -128,\n        127\n    ]\n}', {"y": ("int8", [2], [-128, 127])}),
    ("int16", "echo", "int16", "[-32768, 32767]", {"x": ("int16", [-32768, 32767])},
     '{\n    "outputs": [\n        -32768,\n        32767\n    ]\n}', {"y": ("int16", [2], [-32768, 32767])}),
    ("int32", "echo", "int32", "[-2147483648, 2147483647]", {"x": ("int32", [-2147483648, 2147483647])},
     '{\n    "outputs": [\n        -2147483648,\n        2147483647\n    ]\n}',
     {"y": ("int32", [2], [-2147483648, 2147483647])}),
    ("int64", "echo", "int64", "[-9223372036854775808, 9223372036854775807]",
     {"x": ("int64", [-9223372036854775808, 9223372036854775807])},
     '{\n    "outputs": [\n        -9223372036854775808,\n        9223372036854775807\n    ]\n}',
     {"y": ("int64", [2], [-9223372036854775808, 9223372036854775807])}),
    ("uint8", "echo", "uint8", "[0, 255]", {"x": ("uint8", [0, 255])},
     '{\n    "outputs": [\n        0,\n        255\n    ]\n}', {"y": ("uint8", [2], [0, 255])}),
    ("uint32", "echo", "uint32", "[0, 4294967295]", {"x": ("uint32", [0, 4294967295])},
     '{\n    "outputs": [\n        0,\n        4294967295\n    ]\n}', {"y": ("uint32", [2], [0, 4294967295])}),
    ("uint64", "echo", "uint64", "[0, 18446744073709551615]", {"x": ("uint64", [0, 18446744073709551615])},
     '{\n    "outputs": [\n        0,\n        18446744073709551615\n    ]\n}',
     {"y": ("uint64", [2], [0, 18446744073709551615])}),
    ("bool", "echo", "bool", "[true, false]", {"x": ("bool", [True, False])},
     '{\n    "outputs": [\n        true,\n        false\n    ]\n}', {"y": ("bool", [2], [True, False])}),
    ("string", "echo", "string", '["a", {"b64": "aGk="}, ""]', {"x": ("string", [b"a", b"hi", b""])},
     '{\n    "outputs": [\n        "a",\n        "hi",\n        ""\n    ]\n}', {"y": ("string", [3], [b"a", b"hi", b""])}),
    ("string scalar", "echo", "string", '"a"', {"x": ("string", b"a")},
     '{\n    "outputs": "a"\n}', {"y": ("string", [], [b"a"])}),
    ("base64 scalar", "echo", "string", '{"b64": "aGk="}', {"x": ("string", b"hi")},
     '{\n    "outputs": "hi"\n}', {"y": ("string", [], [b"hi"])}),
    ("named base64", "echo", "string", '{"x": [{"b64": "aGk="}]}', {"x": ("string", [b"hi"])},
     '{\n    "outputs": [\n        "hi"\n    ]\n}', {"y": ("string", [1], [b"hi"])}),
    ("bytes out", "echo", "raw", '[{"b64": "AP8="}]', {"x": ("string", [b"\x00\xff"])},
     '{\n    "outputs": [\n        {\n            "b64": "AP8="\n        }\n    ]\n}',
     {"y_bytes": ("string", [1], [b"\x00\xff"])}),
    ("bytes out, scalar", "echo", "raw", '"a"', {"x": ("string", b"a")},
     '{\n    "outputs": {\n        "b64": "YQ=="\n    }\n}', {"y_bytes": ("string", [], [b"a"])}),
    ("_bytes of integers", "echo", "int_bytes", "[1]", {"x": ("int32", [1])},
     '{\n    "outputs": [\n        1\n    ]\n}', {"y_bytes": ("int32", [1], [1])}),
    ("text and bytes", "echo", "text_and_raw", '["a"]', {"x": ("string", [b"a"])},
     '{\n    "outputs": {\n        "text": [\n            "a"\n        ],\n        "z_bytes": [\n            {\n'
     '                "b64": "YQ=="\n            }\n        ]\n    }\n}',
     {"text": ("string", [1], [b"a"]), "z_bytes": ("string", [1], [b"a"])}),
    ("two inputs and outputs", "echo", "pair", '{"a": [1, 2.5], "b": [3]}',
     {"a": ("float32", [1.0, 2.5]), "b": ("int32", [3])},
     '{\n    "outputs": {\n        "p": [\n            1.0,\n            2.5\n        ],\n        "q": [\n            3\n'
     "        ]\n    }\n}", {"p": ("float32", [2], [1.0, 2.5]), "q": ("int32", [1], [3])}),
    ("two scalars", "echo", "pair", '{"a": 1, "b": 3}', {"a": ("float32", 1.0), "b": ("int32", 3)},
     '{\n    "outputs": {\n        "p": 1.0,\n        "q": 3\n    }\n}',
     {"p": ("float32", [], [1.0]), "q": ("int32", [], [3])}),
    ("unequal batches out", "echo", "sizes", "[1, 2]", {"x": ("float32", [1.0, 2.0])},
     '{\n    "outputs": {\n        "all": [\n            1.0,\n            2.0\n        ],\n        "first": [\n'
     "            1.0\n        ]\n    }\n}", {"all": ("float32", [2], [1.0, 2.0]), "first": ("float32", [1], [1.0])}),
    ("scalar out", "echo", "total", "[1, 2]", {"x": ("float32", [1.0, 2.0])},
     '{\n    "outputs": 3.0\n}', {"total": ("float32", [], [3.0])}),
    ("a signature for Regress", "half", "regress_x2_to_y3", "[[2.0]]", {"inputs": ("float32", [[2.0]])},
     '{\n    "outputs": [\n        [\n            4.0\n        ]\n    ]\n}', {"outputs": ("float32", [1, 1], [4.0])}),
    ("a method of one's own", "echo", "odd_method", "[1]", {"x": ("float32", [1.0])},
     '{\n    "outputs": [\n        1.0\n    ]\n}', {"y": ("float32", [1], [1.0])}),
    ("TF2 SavedModel", "object_based", "", "[1.0, 2.0]", {"x": ("float32", [1.0, 2.0])},
     '{\n    "outputs": [\n        2.5,\n        3.0\n    ]\n}', {"y": ("float32", [2], [2.5, 3.0])}),
    ("all inputs of a signature with defaults", "defaults", "", '{"x": [1], "y": [2]}',
     {"x": ("float32", [1.0]), "y": ("float32", [2.0])},
     '{\n    "outputs": [\n        3.0\n    ]\n}', {"z": ("float32", [1], [3.0])}),
]  # fmt: skip

GRPC_ONLY = [
    # name, model, signature, inputs, outputs: what REST has no way to say
    ("half", "echo", "float16", {"x": ("float16", [1.0, -2.0, 65504.0])},
     {"y": ("float16", [3], [0x3C00, 0xC000, 0x7BFF])}),
    ("bfloat16", "echo", "bfloat16", {"x": ("bfloat16", [1.0, -2.0])}, {"y": ("bfloat16", [2], [0x3F80, 0xC000])}),
    ("complex64", "echo", "complex64", {"x": ("complex64", [1 + 2j])}, {"y": ("complex64", [1], [1.0, 2.0])}),
    ("uint16", "echo", "uint16", {"x": ("uint16", [0, 65535])}, {"y": ("uint16", [2], [0, 65535])}),
    ("a default stands in", "defaults", "", {"x": ("float32", [1.0])}, {"z": ("float32", [1], [11.0])}),
]  # fmt: skip

ODD_PROTOS = [
    # name, TensorProto text for half's x, expected (dtype, shape, values)
    ("tensor_content", 'dtype: DT_FLOAT tensor_shape { dim { size: 2 } } tensor_content: "\\000\\000\\200?\\000\\000\\000@"',
     ("float32", [2], [2.5, 3.0])),
    ("one value for all", "dtype: DT_FLOAT tensor_shape { dim { size: 3 } } float_val: 1",
     ("float32", [3], [2.5, 2.5, 2.5])),
    ("the last value for the rest", "dtype: DT_FLOAT tensor_shape { dim { size: 3 } } float_val: [1, 2]",
     ("float32", [3], [2.5, 3.0, 3.0])),
    ("no value is zero", "dtype: DT_FLOAT tensor_shape { dim { size: 2 } }", ("float32", [2], [2.0, 2.0])),
    ("no shape is a scalar", "dtype: DT_FLOAT float_val: 1", ("float32", [], [2.5])),
    ("unknown rank is a scalar", "dtype: DT_FLOAT tensor_shape { unknown_rank: true } float_val: 1",
     ("float32", [], [2.5])),
    ("named dimensions", 'dtype: DT_FLOAT tensor_shape { dim { size: 1 name: "rows" } } float_val: 1',
     ("float32", [1], [2.5])),
]  # fmt: skip

REST_REFUSED = [
    # name, model, signature, REST "inputs", status, message
    ("missing name", "echo", "pair", '{"a": [1]}', 400, "Missing named input: b in 'inputs' object."),
    ("other name", "half", "", '{"z": [1]}', 400, "Missing named input: x in 'inputs' object."),
    ("empty object", "half", "", "{}", 400, "Missing named input: x in 'inputs' object."),
    ("several inputs, plain list", "echo", "pair", "[1]", 400,
     "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"),
    ("several inputs, plain value", "echo", "pair", "1", 400,
     "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"),
    ("several inputs, null", "echo", "pair", "null", 400,
     "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"),
    ("several inputs, base64", "echo", "pair", '{"b64": "aGk="}', 400,
     "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"),
    ("null", "half", "", "null", 400, "JSON Value: null Type: Null is not of expected type: float"),
    ("string for float", "half", "", '["a"]', 400, 'JSON Value: "a" Type: String is not of expected type: float'),
    ("bool for float", "half", "", "[true]", 400, "JSON Value: true Type: True is not of expected type: float"),
    ("object for float", "half", "", '{"x": [{"a": 1}]}', 400,
     'JSON Value: {\n    "a": 1\n} Type: Object is not of expected type: float'),
    ("base64 for float", "half", "", '{"b64": "aGk="}', 400,
     'JSON Value: {\n    "b64": "aGk="\n} Type: Object is not of expected type: float'),
    ("string for double", "echo", "float64", '["a"]', 400,
     'JSON Value: "a" Type: String is not of expected type: double'),
    ("decimal for int32", "echo", "int32", "[1.5]", 400, "JSON Value: 1.5 Type: Number is not of expected type: int32"),
    ("1.0 for int32", "echo", "int32", "[1.0]", 400, "JSON Value: 1.0 Type: Number is not of expected type: int32"),
    ("1e0 for int64", "echo", "int64", "[1e0]", 400, "JSON Value: 1.0 Type: Number is not of expected type: int64"),
    ("int32 overflow", "echo", "int32", "[2147483648]", 400,
     "JSON Value: 2147483648 Type: Number is not of expected type: int32"),
    ("int32 underflow", "echo", "int32", "[-2147483649]", 400,
     "JSON Value: -2147483649 Type: Number is not of expected type: int32"),
    ("int8 beyond int32", "echo", "int8", "[2147483648]", 400,
     "JSON Value: 2147483648 Type: Number is not of expected type: int8"),
    ("int16 of a string", "echo", "int16", '["1"]', 400, 'JSON Value: "1" Type: String is not of expected type: int16'),
    ("uint8 of a decimal", "echo", "uint8", "[0.5]", 400, "JSON Value: 0.5 Type: Number is not of expected type: uint8"),
    ("int64 overflow", "echo", "int64", "[9223372036854775808]", 400,
     "JSON Value: 9223372036854775808 Type: Number is not of expected type: int64"),
    ("uint32 overflow", "echo", "uint32", "[4294967296]", 400,
     "JSON Value: 4294967296 Type: Number is not of expected type: uint32"),
    ("negative uint32", "echo", "uint32", "[-1]", 400, "JSON Value: -1 Type: Number is not of expected type: uint32"),
    ("negative uint64", "echo", "uint64", "[-1]", 400, "JSON Value: -1 Type: Number is not of expected type: uint64"),
    ("NaN for int32", "echo", "int32", "[NaN]", 400, "JSON Value: NaN Type: Number is not of expected type: int32"),
    ("-Infinity for int64", "echo", "int64", "[-Inf]", 400,
     "JSON Value: -Infinity Type: Number is not of expected type: int64"),
    ("number for bool", "echo", "bool", "[1]", 400, "JSON Value: 1 Type: Number is not of expected type: bool"),
    ("string for bool", "echo", "bool", '["true"]', 400,
     'JSON Value: "true" Type: String is not of expected type: bool'),
    ("number for string", "echo", "string", "[1]", 400, "JSON Value: 1 Type: Number is not of expected type: string"),
    ("bool for string", "echo", "string", "[false]", 400,
     "JSON Value: false Type: False is not of expected type: string"),
    ("null for string", "echo", "string", "[null]", 400,
     "JSON Value: null Type: Null is not of expected type: string"),
    ("half", "echo", "float16", "[1]", 501, "Conversion of JSON Value: 1 to type: half"),
    ("bfloat16", "echo", "bfloat16", "[1]", 501, "Conversion of JSON Value: 1 to type: bfloat16"),
    ("complex64", "echo", "complex64", "[1]", 501, "Conversion of JSON Value: 1 to type: complex64"),
    ("uint16", "echo", "uint16", "[1]", 501, "Conversion of JSON Value: 1 to type: uint16"),
    ("bad base64", "echo", "string", '[{"b64": "***"}]', 400, "Unable to base64 decode"),
    ("not a b64 object", "echo", "string", '[{"b65": "aGk="}]', 400,
     'JSON Value: {\n    "b65": "aGk="\n} not formatted correctly for base64 data'),
    ("list of another size", "echo", "", "[[1, 2], [3]]", 400,
     "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
    ("deeper", "echo", "", "[1, [2]]", 400, "Encountered list at unexpected level: 1 expected < 1"),
    ("less deep", "echo", "", "[[1], 2]", 400,
     "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
]  # fmt: skip


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


def tensors(inputs):
    """Alias -> (dtype, values) as TensorProtos."""
    return {alias: tensor(*value) for alias, value in inputs.items()}


def same(expected, actual):
    """Equality where NaN equals NaN."""
    return repr(expected) == repr(actual)


COLUMNS = ("model", "signature", "inputs", "protos", "answer", "outputs")


@pytest.mark.parametrize(COLUMNS, rows(PREDICTIONS))
def test_predict_by_rest(main, model, signature, inputs, protos, answer, outputs):
    """The exact bytes."""
    got = main.post(f"/v1/models/{model}:predict", f'{{"signature_name": "{signature}", "inputs": {inputs}}}')

    assert (200, answer.encode()) == (got.status, got.body)


@pytest.mark.parametrize(COLUMNS, rows(PREDICTIONS))
def test_predict_by_grpc(main, model, signature, inputs, protos, answer, outputs):
    """The exact typed fields."""
    reply = main.predict(model, tensors(protos), signature_name=signature)

    assert "OK" == reply.code, reply.message
    got = {alias: shown(proto) for alias, proto in reply.response.outputs.items()}
    assert same(outputs, {alias: got.get(alias) for alias in outputs})
    assert set(outputs) == set(got)
    spec = reply.response.model_spec
    assert (model, 123, signature or "serving_default") == (spec.name, spec.version.value, spec.signature_name)


@pytest.mark.parametrize(("model", "signature", "inputs", "outputs"), rows(GRPC_ONLY))
def test_what_only_grpc_can_say(main, model, signature, inputs, outputs):
    """Every dtype, and defaults of a signature."""
    reply = main.predict(model, tensors(inputs), signature_name=signature)

    assert "OK" == reply.code, reply.message
    assert outputs == {alias: shown(proto) for alias, proto in reply.response.outputs.items()}


@pytest.mark.parametrize(("text", "expected"), rows(ODD_PROTOS))
def test_a_tensor_may_be_written_in_many_ways(main, text, expected):
    """As TensorFlow reads TensorProtos."""
    reply = main.call("Predict", f'model_spec {{ name: "half" }} inputs {{ key: "x" value {{ {text} }} }}')

    assert "OK" == reply.code, reply.message
    assert expected == shown(reply.response.outputs["y"])


@pytest.mark.parametrize(("model", "signature", "inputs", "status", "message"), rows(REST_REFUSED))
def test_columns_are_refused_in_words(main, model, signature, inputs, status, message):
    """Bare, without a wrapper."""
    answer = main.post(f"/v1/models/{model}:predict", f'{{"signature_name": "{signature}", "inputs": {inputs}}}')

    assert (status, error_body(message)) == (answer.status, answer.body)


def test_extra_names_in_columns_are_ignored(main):
    """Unlike in rows."""
    answer = main.post("/v1/models/half:predict", '{"inputs": {"x": [1.0], "z": "whatever"}}')

    assert (200, b'{\n    "outputs": [\n        2.5\n    ]\n}') == (answer.status, answer.body)


def test_a_counter_keeps_its_state(main):
    """Signatures without inputs, and one session for all of them."""
    seen = [
        shown(main.predict("counter", inputs, signature_name=name).response.outputs["output"])
        for name, inputs in (
            ("reset_counter", {}),
            ("incr_counter", {}),
            ("incr_counter_by", {"delta": tensor("float32", 5.0)}),
            ("incr_counter", {}),
            ("get_counter", {}),
        )
    ]

    assert [("float32", [], [value]) for value in (0.0, 1.0, 6.0, 7.0, 7.0)] == seen
