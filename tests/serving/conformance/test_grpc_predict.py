"""What Predict by gRPC refuses, and in which order: sections 7, 7.1 and 7.2 (servables/tensorflow/predict_util.cc)."""

# ruff: noqa: E501, ISC004 -- a table is read row by row

from __future__ import annotations

import pytest
from tensorflow.core.framework import types_pb2

from tests.serving.conformance.wire import shown, tensor

HALF = 'model_spec { name: "half" } '
PAIR = 'model_spec { name: "echo" signature_name: "pair" } '
DEFAULTS = 'model_spec { name: "defaults" } '


def given(*names):
    """Inputs of those names, each [1.0]."""
    value = "dtype: DT_FLOAT tensor_shape { dim { size: 1 } } float_val: 1"
    return " ".join(f'inputs {{ key: "{name}" value {{ {value} }} }}' for name in names)


REFUSED = [
    # name, request, code, message
    ("no model_spec", given("x"), "INVALID_ARGUMENT", "Missing ModelSpec"),
    ("empty model_spec", "model_spec { } " + given("x"), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    ("version without name", "model_spec { version { value: 123 } }", "INVALID_ARGUMENT",
     "ModelSpec has no name specified."),
    ("no such model", 'model_spec { name: "nope" } ' + given("x"), "NOT_FOUND",
     "Servable not found for request: Latest(nope)"),
    ("no such version", 'model_spec { name: "half" version { value: 7 } } ' + given("x"), "NOT_FOUND",
     "Servable not found for request: Specific(half, 7)"),
    ("version 0", 'model_spec { name: "half" version { value: 0 } }', "NOT_FOUND",
     "Servable not found for request: Specific(half, 0)"),
    ("negative version", 'model_spec { name: "half" version { value: -1 } }', "NOT_FOUND",
     "Servable not found for request: Specific(half, -1)"),
    ("no such label", 'model_spec { name: "half" version_label: "stable" } ' + given("x"), "INVALID_ARGUMENT",
     "Unrecognized servable version label: stable"),
    ("no such label of no such model", 'model_spec { name: "nope" version_label: "stable" }', "INVALID_ARGUMENT",
     "Unrecognized servable version label: stable"),
    ("1. signature", 'model_spec { name: "half" signature_name: "nope" } ' + given("x"), "FAILED_PRECONDITION",
     'Serving signature key "nope" not found.'),
    ("1. no default signature", 'model_spec { name: "counter" } ', "FAILED_PRECONDITION",
     'Serving signature key "serving_default" not found.'),
    ("1. before inputs and filter", 'model_spec { name: "half" signature_name: "nope" } output_filter: "nope"',
     "FAILED_PRECONDITION", 'Serving signature key "nope" not found.'),
    ("3. none of one", HALF, "INVALID_ARGUMENT",
     "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}."),
    ("3. two of one", HALF + given("z", "x"), "INVALID_ARGUMENT",
     "input size does not match signature: 2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}."),
    ("3. two others of one", HALF + given("b", "a"), "INVALID_ARGUMENT",
     "input size does not match signature: 2!=1 len({a,b}) != len({x}). Sent extra: {a,b}. Missing but required: {x}."),
    ("3. none of two", PAIR, "INVALID_ARGUMENT",
     "input size does not match signature: 0!=2 len({}) != len({a,b}). Sent extra: {}. Missing but required: {a,b}."),
    ("3. one of two", PAIR + given("b"), "INVALID_ARGUMENT",
     "input size does not match signature: 1!=2 len({b}) != len({a,b}). Sent extra: {}. Missing but required: {a}."),
    ("3. another one of two", PAIR + given("z"), "INVALID_ARGUMENT",
     "input size does not match signature: 1!=2 len({z}) != len({a,b}). Sent extra: {z}. Missing but required: {a,b}."),
    ("3. three of two", PAIR + given("a", "b", "c"), "INVALID_ARGUMENT",
     "input size does not match signature: 3!=2 len({a,b,c}) != len({a,b}). Sent extra: {c}. Missing but required: {}."),
    ("3. too many with defaults", DEFAULTS + given("x", "y", "z"), "INVALID_ARGUMENT",
     "input size does not match signature: 3!=2 len({x,y,z}) != len({x,y}). Sent extra: {z}. Missing but required: {}."),
    ("3. one of none", 'model_spec { name: "counter" signature_name: "get_counter" } ' + given("x"), "INVALID_ARGUMENT",
     "input size does not match signature: 1!=0 len({x}) != len({}). Sent extra: {x}. Missing but required: {}."),
    ("3. before the filter", HALF + 'output_filter: "nope"', "INVALID_ARGUMENT",
     "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}."),
    ("4. another name", HALF + given("z"), "INVALID_ARGUMENT",
     "Signature input alias: x(feed name: x:0) not found in request and no default value provided. "
     "Inputs expected to be in the request {z}, or default input alias set: "),
    ("4. the required one of defaults", DEFAULTS + given("z"), "INVALID_ARGUMENT",
     "Signature input alias: x(feed name: x:0) not found in request and no default value provided. "
     "Inputs expected to be in the request {z}, or default input alias set: y"),
    ("4. only the optional one of defaults", DEFAULTS + given("y"), "INVALID_ARGUMENT",
     "Signature input alias: x(feed name: x:0) not found in request and no default value provided. "
     "Inputs expected to be in the request {y}, or default input alias set: y"),
    ("4. nothing of defaults", DEFAULTS, "INVALID_ARGUMENT",
     "Signature input alias: x(feed name: x:0) not found in request and no default value provided. "
     "Inputs expected to be in the request {}, or default input alias set: y"),
    ("4. leftover", DEFAULTS + given("x", "q"), "INVALID_ARGUMENT",
     "Inputs contains invalid name. Used request inputs: x, request input: q,x"),
    ("4. no dtype", HALF + 'inputs { key: "x" value { float_val: 1 } }', "INVALID_ARGUMENT", "tensor parsing error: x"),
    ("4. content of a wrong length", HALF + 'inputs { key: "x" value { dtype: DT_FLOAT tensor_shape { dim { size: 2 } } '
     'tensor_content: "abc" } }', "INVALID_ARGUMENT", "tensor parsing error: x"),
    ("4. negative dimension", HALF + 'inputs { key: "x" value { dtype: DT_FLOAT tensor_shape { dim { size: -1 } } '
     "float_val: 1 } }", "INVALID_ARGUMENT", "tensor parsing error: x"),
    ("4. before the filter", HALF + given("z") + 'output_filter: "nope"', "INVALID_ARGUMENT",
     "Signature input alias: x(feed name: x:0) not found in request and no default value provided. "
     "Inputs expected to be in the request {z}, or default input alias set: "),
    ("5. unknown output", HALF + given("x") + 'output_filter: "z"', "INVALID_ARGUMENT",
     "output tensor alias not found in signature: z Outputs expected to be in the set {y}."),
    ("5. unknown output of two", PAIR + given("a", "b") + 'output_filter: "p" output_filter: "y"', "INVALID_ARGUMENT",
     "output tensor alias not found in signature: y Outputs expected to be in the set {p,q}."),
    ("5. a tensor name is no alias", HALF + given("x") + 'output_filter: "y:0"', "INVALID_ARGUMENT",
     "output tensor alias not found in signature: y:0 Outputs expected to be in the set {y}."),
    ("5. twice", HALF + given("x") + 'output_filter: "y" output_filter: "y"', "INVALID_ARGUMENT",
     "duplicate output tensor alias: y"),
    ("5. before the dtype", HALF + 'inputs { key: "x" value { dtype: DT_STRING string_val: "a" } } output_filter: "z"',
     "INVALID_ARGUMENT", "output tensor alias not found in signature: z Outputs expected to be in the set {y}."),
    ("6. string for float", HALF + 'inputs { key: "x" value { dtype: DT_STRING string_val: "a" } }', "INVALID_ARGUMENT",
     "Expects arg[0] to be float but string is provided"),
    ("6. int32 for float", HALF + 'inputs { key: "x" value { dtype: DT_INT32 int_val: 1 } }', "INVALID_ARGUMENT",
     "Expects arg[0] to be float but int32 is provided"),
    ("6. qint8 for float", HALF + 'inputs { key: "x" value { dtype: DT_QINT8 int_val: 1 } }', "INVALID_ARGUMENT",
     "Expects arg[0] to be float but qint8 is provided"),
    ("6. int8 for qint8", 'model_spec { name: "echo" signature_name: "qint8" } '
     'inputs { key: "x" value { dtype: DT_INT8 int_val: 1 } }', "INVALID_ARGUMENT",
     "Expects arg[0] to be qint8 but int8 is provided"),
    ("6. double for float", HALF + 'inputs { key: "x" value { dtype: DT_DOUBLE double_val: 1 } }', "INVALID_ARGUMENT",
     "Expects arg[0] to be float but double is provided"),
    ("6. float for string", 'model_spec { name: "echo" signature_name: "string" } ' + given("x"), "INVALID_ARGUMENT",
     "Expects arg[0] to be string but float is provided"),
    ("6. float for examples", 'model_spec { name: "half" signature_name: "regress_x_to_y" } ' + given("inputs"),
     "INVALID_ARGUMENT", "Expects arg[0] to be string but float is provided"),
    ("long message", 'model_spec { name: "' + "n" * 2000 + '" }', "NOT_FOUND",
     ("Servable not found for request: Latest(" + "n" * 2000)[:1024] + "...TRUNCATED"),
]  # fmt: skip

FILTERS = [
    # name, output_filter, answered aliases
    ("none", [], {"p", "q"}),
    ("one", ["p"], {"p"}),
    ("the other", ["q"], {"q"}),
    ("both", ["q", "p"], {"p", "q"}),
]

LOOKED_UP = [
    # name, model_spec, expected version, expected y for x = 1
    ("latest", 'name: "many"', 3, 4.0),
    ("first", 'name: "many" version { value: 1 }', 1, 2.0),
    ("second", 'name: "many" version { value: 2 }', 2, 3.0),
    ("third", 'name: "many" version { value: 3 }', 3, 4.0),
    ("any name", 'name: "a/b"', 123, 2.0),
    ("UTF-8 name", 'name: "mod\\303\\250le"', 123, 2.0),
]

MISSING = [
    # method, request, message
    ("Classify", "input { example_list { examples { } } }", "Missing ModelSpec"),
    ("Regress", "input { example_list { examples { } } }", "Missing ModelSpec"),
    ("GetModelMetadata", 'metadata_field: "signature_def"', "Missing ModelSpec"),
    ("GetModelStatus", "", "Missing ModelSpec"),
    ("Classify", "model_spec { }", "ModelSpec has no name specified."),
    ("Regress", "model_spec { }", "ModelSpec has no name specified."),
    ("GetModelMetadata", 'model_spec { } metadata_field: "signature_def"', "ModelSpec has no name specified."),
]


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.mark.parametrize(("request_text", "code", "message"), rows(REFUSED))
def test_predict_refuses_in_order(main, request_text, code, message):
    """Code and message, word for word."""
    reply = main.call("Predict", request_text)

    assert (code, message) == (reply.code, reply.message)


@pytest.mark.parametrize(("method", "request_text", "message"), MISSING)
def test_the_model_must_be_named(main, method, request_text, message):
    """INVALID_ARGUMENT by every method."""
    reply = main.call(method, request_text)

    assert ("INVALID_ARGUMENT", message) == (reply.code, reply.message)


@pytest.mark.parametrize(("names", "answered"), rows(FILTERS))
def test_the_filter_chooses_outputs(main, names, answered):
    """Nothing else is answered."""
    inputs = {"a": tensor("float32", [1.0]), "b": tensor("int32", [2])}
    reply = main.predict("echo", inputs, signature_name="pair", output_filter=names)

    assert ("OK", answered) == (reply.code, set(reply.response.outputs))


QUANTIZED = [
    # name, dtype, a tensor's values, what comes back
    ("qint8", "DT_QINT8", "int_val: [5, -3]", [5, -3]),
    ("quint8", "DT_QUINT8", "int_val: [255, 0]", [255, 0]),
    ("qint16", "DT_QINT16", "int_val: [-32768, 7]", [-32768, 7]),
    ("quint16", "DT_QUINT16", "int_val: [65535, 1]", [65535, 1]),
    ("qint32", "DT_QINT32", "int_val: [-2147483648, 2147483647]", [-(2**31), 2**31 - 1]),
    ("qint8", "DT_QINT8", "int_val: [300]", [44, 44]),
    ("qint8", "DT_QINT8", "", [0, 0]),
    ("qint8", "DT_QINT8", 'tensor_content: "\\x05\\xfd"', [5, -3]),
    ("quint16", "DT_QUINT16", 'tensor_content: "\\xff\\xff\\x01\\x00"', [65535, 1]),
    ("qint32", "DT_QINT32", 'tensor_content: "\\x00\\x00\\x00\\x80\\xff\\xff\\xff\\x7f"', [-(2**31), 2**31 - 1]),
]


@pytest.mark.parametrize(("name", "dtype", "values", "answered"), QUANTIZED)
def test_quantized_tensors_come_back(main, name, dtype, values, answered):
    """As what they are, by value; narrowed and filled up as other integers are."""
    text = f'inputs {{ key: "x" value {{ dtype: {dtype} tensor_shape {{ dim {{ size: 2 }} }} {values} }} }}'
    reply = main.call("Predict", f'model_spec {{ name: "echo" signature_name: "{name}" }} {text}')

    assert "OK" == reply.code, reply.message
    output = reply.response.outputs["y"]
    assert (types_pb2.DataType.Value(dtype), answered, b"") == (output.dtype, output.int_val, output.tensor_content)


@pytest.mark.parametrize(("spec", "version", "value"), rows(LOOKED_UP))
def test_a_spec_finds_its_version(main, spec, version, value):
    """The answer and its model_spec say which one ran."""
    reply = main.call("Predict", f"model_spec {{ {spec} }} {given('x')}")

    assert "OK" == reply.code, reply.message
    assert ("float32", [1], [value]) == shown(reply.response.outputs["y"])
    assert (version, "serving_default") == (
        reply.response.model_spec.version.value,
        reply.response.model_spec.signature_name,
    )


def test_the_deadline_of_the_client_counts(main):
    """A model that runs too long is given up."""
    reply = main.call(
        "Predict", 'model_spec { name: "slow" } inputs { key: "x" value { dtype: DT_INT32 int_val: 2000000000 } }', 0.3
    )

    assert "DEADLINE_EXCEEDED" == reply.code


def test_messages_may_be_big(main):
    """Far beyond grpcio's own 4 MiB, both ways."""
    reply = main.predict("echo", {"x": tensor("float32", [1.5] * 2_500_000)})

    assert "OK" == reply.code, reply.message
    assert 2_500_000 == len(reply.response.outputs["y"].float_val)
    assert b"" == reply.response.outputs["y"].tensor_content
