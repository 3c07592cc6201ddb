"""Flags that change answers: labels (section 4), the method-name check (7.2, 7.3) and tensor_content (2)."""

# ruff: noqa: E501, ISC004, PLR0917 -- a table is read row by row

from __future__ import annotations

import json

import pytest

from tests.serving.conformance.wire import error_body, tensor

X = 'inputs { key: "x" value { dtype: DT_FLOAT tensor_shape { dim { size: 1 } } float_val: 1 } }'
INPUT = 'input { example_list { examples { features { feature { key: "x" value { float_list { value: 2.0 } } } } } } }'

LABELS = [
    # name, label in the URL, label, version, value
    ("stable", "stable", "stable", 1, 2.0),
    ("canary", "canary", "canary", 3, 4.0),
    ("escaped", "a%2Fb", "a/b", 2, 3.0),
]

BAD_LABELS = [
    # name, label in the URL, label, REST status, gRPC code, message
    ("unknown", "nope", "nope", 400, "INVALID_ARGUMENT", "Unrecognized servable version label: nope"),
    ("case", "Stable", "Stable", 400, "INVALID_ARGUMENT", "Unrecognized servable version label: Stable"),
    ("of a version that is not there", "gone", "gone", 404, "NOT_FOUND",
     "Servable not found for request: Specific(many, 9)"),
]  # fmt: skip

METHOD_NAMES = [
    # name, gRPC method, request, code, message
    ("predict on predict", "Predict", f'model_spec {{ name: "echo" }} {X}', "OK", ""),
    ("predict on other", "Predict", f'model_spec {{ name: "echo" signature_name: "odd_method" }} {X}', "INTERNAL",
     "Expected prediction signature method_name to be one of {tensorflow/serving/predict, tensorflow/serving/classify, "
     "tensorflow/serving/regress}. Was: tensorflow/serving/other"),
    ("other before inputs", "Predict", 'model_spec { name: "echo" signature_name: "odd_method" }', "INTERNAL",
     "Expected prediction signature method_name to be one of {tensorflow/serving/predict, tensorflow/serving/classify, "
     "tensorflow/serving/regress}. Was: tensorflow/serving/other"),
    ("classify on classify", "Classify", f'model_spec {{ name: "examples" signature_name: "both" }} {INPUT}', "OK", ""),
    ("classify on predict", "Classify", f'model_spec {{ name: "examples" signature_name: "predict_method" }} {INPUT}',
     "INVALID_ARGUMENT",
     "Expected classification signature method_name to be tensorflow/serving/classify. Was: tensorflow/serving/predict"),
    ("classify on regress", "Classify", f'model_spec {{ name: "examples" signature_name: "regress" }} {INPUT}',
     "INVALID_ARGUMENT",
     "Expected classification signature method_name to be tensorflow/serving/classify. Was: tensorflow/serving/regress"),
    ("regress on regress", "Regress", f'model_spec {{ name: "examples" signature_name: "regress" }} {INPUT}', "OK", ""),
    ("regress on predict", "Regress",
     f'model_spec {{ name: "examples" signature_name: "regress_predict_method" }} {INPUT}', "INVALID_ARGUMENT",
     "Expected regression signature method_name to be tensorflow/serving/regress. Was: tensorflow/serving/predict"),
    ("regress on classify", "Regress", f'model_spec {{ name: "examples" signature_name: "both" }} {INPUT}',
     "INVALID_ARGUMENT",
     "Expected regression signature method_name to be tensorflow/serving/regress. Was: tensorflow/serving/classify"),
]  # fmt: skip

CONTENT = [
    # dtype, values, content
    ("float32", [1.0, 2.0], b"\x00\x00\x80?\x00\x00\x00@"),
    ("float64", [1.0], b"\x00\x00\x00\x00\x00\x00\xf0?"),
    ("int32", [1, -1], b"\x01\x00\x00\x00\xff\xff\xff\xff"),
    ("int64", [1], b"\x01\x00\x00\x00\x00\x00\x00\x00"),
    ("uint8", [1, 255], b"\x01\xff"),
    ("bool", [True, False], b"\x01\x00"),
    ("float16", [1.0], b"\x00<"),
    ("complex64", [1 + 2j], b"\x00\x00\x80?\x00\x00\x00@"),
]


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.mark.parametrize(("escaped", "label", "version", "value"), rows(LABELS))
def test_a_label_by_rest(options, escaped, label, version, value):
    """It stands for its version; `version` is not said in the body."""
    answer = options.post(f"/v1/models/many/labels/{escaped}:predict", '{"instances": [1.0]}')

    assert (200, f'{{\n    "predictions": [{value}\n    ]\n}}'.encode()) == (answer.status, answer.body)


@pytest.mark.parametrize(("escaped", "label", "version", "value"), rows(LABELS))
def test_a_label_by_grpc(options, escaped, label, version, value):
    """The answer's model_spec has the version."""
    reply = options.predict("many", {"x": tensor("float32", [1.0])}, version_label=label)

    assert "OK" == reply.code, reply.message
    assert version == reply.response.model_spec.version.value


@pytest.mark.parametrize(("escaped", "label", "version", "value"), rows(LABELS))
def test_a_label_in_metadata(options, escaped, label, version, value):
    """By both transports."""
    answer = options.get(f"/v1/models/many/labels/{escaped}/metadata")
    text = f'model_spec {{ name: "many" version_label: "{label}" }} metadata_field: "signature_def"'

    assert str(version) == json.loads(answer.body)["model_spec"]["version"]
    assert version == options.call("GetModelMetadata", text).response.model_spec.version.value


@pytest.mark.parametrize(("escaped", "label", "status", "code", "message"), rows(BAD_LABELS))
def test_a_bad_label_by_rest(options, escaped, label, status, code, message):
    """The same words as by gRPC."""
    answer = options.post(f"/v1/models/many/labels/{escaped}:predict", '{"instances": [1.0]}')

    assert (status, error_body(message)) == (answer.status, answer.body)


@pytest.mark.parametrize(("escaped", "label", "status", "code", "message"), rows(BAD_LABELS))
def test_a_bad_label_by_grpc(options, escaped, label, status, code, message):
    """Code and message."""
    reply = options.predict("many", {"x": tensor("float32", [1.0])}, version_label=label)

    assert (code, message) == (reply.code, reply.message)


@pytest.mark.parametrize(("method", "request_text", "code", "message"), rows(METHOD_NAMES))
def test_method_names_are_checked_with_the_flag(options, method, request_text, code, message):
    """Only then."""
    reply = options.call(method, request_text)

    assert (code, message) == (reply.code, reply.message)


@pytest.mark.parametrize(("dtype", "values", "content"), CONTENT)
def test_answers_as_tensor_content(options, dtype, values, content):
    """Instead of the typed fields."""
    reply = options.predict("echo", {"x": tensor(dtype, values)}, signature_name=dtype)

    assert "OK" == reply.code, reply.message
    assert content == reply.response.outputs["y"].tensor_content


def test_rest_does_not_show_tensor_content(options):
    """Its answers stay as they are."""
    answer = options.post("/v1/models/echo:predict", '{"instances": [1.0]}')

    assert (200, b'{\n    "predictions": [1.0\n    ]\n}') == (answer.status, answer.body)
