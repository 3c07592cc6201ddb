"""The same question by gRPC and by REST gives the same answer."""

import gzip
import json

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import wrappers_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.errors import Code
from serving.grpc.grpcio_transport import GRPC_STATUS
from serving.rest.http_rest_api_handler import HTTP_STATUS

PREDICT = "/v1/models/half:predict"


@pytest.fixture(scope="module")
def predict(half):
    """Predicts by gRPC: (model fields, inputs) -> response."""
    stub = prediction_service_pb2_grpc.PredictionServiceStub(half.channel)

    def run(inputs, output_filter=(), **spec):
        version = spec.pop("version", None)
        request = predict_pb2.PredictRequest(output_filter=output_filter)
        request.model_spec.name = spec.pop("name", "half")
        request.model_spec.signature_name = spec.pop("signature_name", "")
        request.model_spec.version_label = spec.pop("version_label", "")
        if not request.model_spec.version_label:
            request.model_spec.ClearField("version_label")
        if version is not None:
            request.model_spec.version.CopyFrom(wrappers_pb2.Int64Value(value=version))
        for alias, value in inputs.items():
            request.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
        return stub.Predict(request, timeout=30)

    return run


def values(response):
    """The outputs as lists."""
    return {alias: tf.make_ndarray(proto).tolist() for alias, proto in response.outputs.items()}


@pytest.mark.parametrize(
    ("signature", "inputs"),
    [
        ("", {"x": np.array([1.0, 2.0, 5.0], np.float32)}),
        ("", {"x": np.zeros(0, np.float32)}),
        # any shape is fed: the model's own ops decide
        ("", {"x": np.array([[1.0, 2.0]], np.float32)}),
        ("", {"x": np.array(3.0, np.float32)}),
        ("pair", {"a": np.array([[1, 2], [3, 4]], np.float32), "b": np.array([5, 6])}),
    ],
)
def test_predict_in_columns(half, predict, signature, inputs):
    """Numbers, of any shape, of one input or several."""
    body = {"signature_name": signature, "inputs": {alias: value.tolist() for alias, value in inputs.items()}}
    rest = half.rest.post(PREDICT, json=body)
    outputs = values(predict(inputs, signature_name=signature))

    assert 200 == rest.status_code, rest.text
    assert (outputs if len(outputs) > 1 else next(iter(outputs.values()))) == rest.json()["outputs"]


def test_predict_in_rows(half, predict):
    """A row's answer is a slice of the batch's."""
    rest = half.rest.post(PREDICT, json={"instances": [1.0, 2.0, 5.0]})

    assert b'{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}' == rest.content
    assert "application/json" == rest.headers["content-type"]
    assert {"y": [2.5, 3.0, 4.5]} == values(predict({"x": np.array([1, 2, 5], np.float32)}))


def test_bytes(half, predict):
    """By b64 both ways, where the output's alias ends in `_bytes`."""
    rest = half.rest.post(
        PREDICT, json={"signature_name": "text", "instances": [{"image": {"b64": "AP8="}}, {"image": "é"}]}
    )
    answer = predict({"image": np.array([b"\x00\xff", "é".encode()], object)}, signature_name="text")

    assert [
        {"image_bytes": {"b64": "AP8="}, "length": 2},
        {"image_bytes": {"b64": "w6k="}, "length": 2},
    ] == rest.json()["predictions"]
    assert {"image_bytes": [b"\x00\xff", "é".encode()], "length": [2, 2]} == values(answer)


def test_an_answer_names_exactly_what_answered_and_uses_typed_fields(predict):
    """Version and signature are filled in; one entry per element."""
    answer = predict({"x": np.array([1, 2], np.float32)})

    assert ("half", 123, "serving_default") == (
        answer.model_spec.name,
        answer.model_spec.version.value,
        answer.model_spec.signature_name,
    )
    assert [2.5, 3.0] == list(answer.outputs["y"].float_val)
    assert b"" == answer.outputs["y"].tensor_content


def test_output_filter(predict):
    """Only what is asked for comes."""
    answer = predict({"image": np.array([b"a"], object)}, ["length"], signature_name="text")

    assert ["length"] == list(answer.outputs)


X = {"x": np.array([1.0], np.float32)}


@pytest.mark.parametrize(
    ("spec", "inputs", "output_filter", "code", "message"),
    [
        ({"name": ""}, X, (), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ({"name": "no"}, X, (), "NOT_FOUND", "Servable not found for request: Latest(no)"),
        ({"version": 7}, X, (), "NOT_FOUND", "Servable not found for request: Specific(half, 7)"),
        ({"version_label": "prod"}, X, (), "INVALID_ARGUMENT", "Unrecognized servable version label: prod"),
        ({"signature_name": "no"}, X, (), "FAILED_PRECONDITION", 'Serving signature key "no" not found.'),
        (
            {},
            {},
            (),
            "INVALID_ARGUMENT",
            "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
        ),
        (
            {},
            {"z": 1.0},
            (),
            "INVALID_ARGUMENT",
            (
                "Signature input alias: x(feed name: serving_default_x:0)"
                " not found in request and no default value provided. "
                "Inputs expected to be in the request {z}, or default input alias set: "
            ),
        ),
        (
            {},
            X,
            ("z",),
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: z Outputs expected to be in the set {y}.",
        ),
        ({}, X, ("y", "y"), "INVALID_ARGUMENT", "duplicate output tensor alias: y"),
        ({}, {"x": "text"}, (), "INVALID_ARGUMENT", "Expects arg[0] to be float but string is provided"),
        ({}, {"x": np.array([1.0])}, (), "INVALID_ARGUMENT", "Expects arg[0] to be float but double is provided"),
    ],
)
def test_what_predict_refuses(predict, *, spec, inputs, output_filter, code, message):
    """Upstream's codes and texts by gRPC."""
    with pytest.raises(grpc.RpcError) as refused:
        predict(inputs, output_filter, **spec)

    assert (code, message) == (refused.value.code().name, refused.value.details())


def test_a_tensor_that_cannot_be_decoded(half):
    """Its content has another size than its shape."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "half"
    request.inputs["x"].dtype = 1
    request.inputs["x"].tensor_content = b"12345678"
    with pytest.raises(grpc.RpcError) as refused:
        prediction_service_pb2_grpc.PredictionServiceStub(half.channel).Predict(request, timeout=30)

    assert "tensor parsing error: x" == refused.value.details()


def test_a_request_without_a_model_spec(half):
    """The field itself is missing."""
    with pytest.raises(grpc.RpcError) as refused:
        prediction_service_pb2_grpc.PredictionServiceStub(half.channel).Predict(predict_pb2.PredictRequest())

    assert "Missing ModelSpec" == refused.value.details()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/v1/models/no:predict", '{"instances": [1]}', 404, "Servable not found for request: Latest(no)"),
        (
            "POST",
            "/v1/models/half/versions/7:predict",
            '{"instances": [1]}',
            404,
            "Servable not found for request: Specific(half, 7)",
        ),
        (
            "POST",
            "/v1/models/half/labels/prod:predict",
            '{"instances": [1]}',
            400,
            "Unrecognized servable version label: prod",
        ),
        ("POST", "/v1/models/a%2Fb%3Ac:predict", "{}", 404, "Servable not found for request: Latest(a/b:c)"),
        ("POST", PREDICT, "", 400, "JSON Parse error: The document is empty"),
        ("POST", PREDICT, "[1", 400, "JSON Parse error: Missing a comma or ']' after an array element. at offset: 2"),
        ("POST", PREDICT, "[1]", 400, "JSON Value: [1] Is not object"),
        (
            "POST",
            PREDICT,
            '{"signature_name": 1}',
            400,
            (
                "JSON Value: {\n    \"signature_name\": 1\n} not formatted correctly. 'signature_name'"
                " key must be a string value."
            ),
        ),
        (
            "POST",
            PREDICT,
            '{"signature_name": "no", "instances": [1]}',
            400,
            'Serving signature name: "no" not found in signature def',
        ),
        (
            "POST",
            PREDICT,
            '{"inputs": 1.5, "signature_name": "slow"}',
            400,
            "JSON Value: 1.5 Type: Number is not of expected type: int32",
        ),
        ("POST", "/v1/models/half:PREDICT", "{}", 400, "Malformed request: POST /v1/models/half:PREDICT"),
        ("POST", f"{PREDICT}?a=b", "{}", 400, f"Malformed request: POST {PREDICT}?a=b"),
        ("GET", PREDICT, None, 400, f"Malformed request: GET {PREDICT}"),
        ("GET", "/v1/models", None, 400, "Missing model name in request."),
        ("GET", "/v1/models/half?a=b", None, 404, "Could not find any versions of model half?a=b"),
        ("GET", "/v1/models/half/versions/7", None, 404, "Could not find version 7 of model half"),
        ("GET", "/v1/models/no/metadata", None, 404, "Servable not found for request: Latest(no)"),
        ("DELETE", "/v1/models/half", None, 400, "Malformed request: DELETE /v1/models/half"),
        (
            "POST",
            "/v1/models/half:classify",
            '{"x": 1}',
            400,
            "JSON Value: {\n    \"x\": 1\n} When method is classify, key 'examples' is expected and was not found",
        ),
        (
            "POST",
            "/v1/models/half:classify",
            '{"examples": [[1]]}',
            400,
            "Example must be JSON object but got JSON Array",
        ),
        ("POST", "/v1/models/half:classify", '{"examples": [{"x": 1}]}', 400, None),
    ],
)
def test_what_rest_refuses(half, *, method, path, body, status, message):
    """Upstream's status and body."""
    answer = half.rest.request(method, path, content=body)

    assert status == answer.status_code, answer.text
    assert message is None or message == answer.json()["error"]
    assert answer.text.startswith('{\n    "error": "')
    assert answer.text.endswith('"\n}')


def test_a_version_beyond_int64_is_refused_without_a_body(half):
    """Upstream loses the message."""
    answer = half.rest.get("/v1/models/half/versions/9223372036854775808")

    assert (400, b"") == (answer.status_code, answer.content)


def test_outside_v1(half):
    """The HTTP library's own page."""
    answer = half.rest.get("/")

    assert (404, "text/html") == (answer.status_code, answer.headers["content-type"])
    assert "<H1>Not Found</H1>" in answer.text


def test_gzip(half):
    """A compressed body is read; one that is no gzip counts as empty."""
    body = gzip.compress(b'{"instances": [1.0]}')
    good = half.rest.post(PREDICT, content=body, headers={"content-encoding": "gzip"})
    bad = half.rest.post(PREDICT, content=b"{}", headers={"content-encoding": "gzip"})

    assert [2.5] == good.json()["predictions"]
    assert "JSON Parse error: The document is empty" == bad.json()["error"]


def test_classify(half):
    """tf.Examples, with a context, by both."""
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name, request.model_spec.signature_name = "half", "classify"
    with_context = request.input.example_list_with_context
    with_context.context.features.feature["x"].float_list.value.append(4)
    with_context.examples.add()
    with_context.examples.add().features.feature["x"].float_list.value.append(1)
    answer = prediction_service_pb2_grpc.PredictionServiceStub(half.channel).Classify(request, timeout=30)
    body = {"signature_name": "classify", "context": {"x": 4.0}, "examples": [{}, {"x": [1.0]}]}
    rest = half.rest.post("/v1/models/half:classify", json=body)

    assert [[["half", 4.0]], [["half", 2.5]]] == rest.json()["results"], rest.text
    assert rest.json()["results"] == [
        [[c.label, c.score] for c in row.classes] for row in answer.result.classifications
    ]
    assert 123 == answer.model_spec.version.value


def test_classify_refuses_a_signature_of_another_kind(half):
    """The input alias must be `inputs`."""
    answer = half.rest.post("/v1/models/half:classify", json={"examples": [{"x": 1.0}]})

    assert answer.json()["error"].startswith("No classification inputs found in SignatureDef: inputs {")


def test_status(half):
    """Proto JSON with an indent of one blank."""
    answer = half.rest.get("/v1/models/half")
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "half"
    status = model_service_pb2_grpc.ModelServiceStub(half.channel).GetModelStatus(request, timeout=30)

    assert (
        '{\n "model_version_status": [\n  {\n   "version": "123",\n   "state": "AVAILABLE",\n   "status": {\n'
        '    "error_code": "OK",\n    "error_message": ""\n   }\n  }\n ]\n}\n'
    ) == answer.text
    assert [(123, 30, 0)] == [(s.version, s.state, s.status.error_code) for s in status.model_version_status]


def test_metadata(half):
    """Every SignatureDef of the SavedModel, internal ones included."""
    answer = half.rest.get("/v1/models/half/versions/123/metadata")
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "half"
    response = prediction_service_pb2_grpc.PredictionServiceStub(half.channel).GetModelMetadata(request, timeout=30)
    definitions = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(definitions)
    found = answer.json()["metadata"]["signature_def"]["signature_def"]

    assert answer.text.startswith(
        '{\n"model_spec":{\n "name": "half",\n "signature_name": "",\n "version": "123"\n}\n,\n'
    )
    assert set(definitions.signature_def) == set(found)
    assert {"__saved_model_init_op", "serving_default"} < set(found)
    assert ["dtype", "tensor_shape", "name"] == list(found["serving_default"]["inputs"]["x"])
    assert [{"size": "-1", "name": ""}] == found["serving_default"]["inputs"]["x"]["tensor_shape"]["dim"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([], "GetModelMetadataRequest must specify at least one metadata_field"),
        (["x"], "Metadata field x is not supported"),
    ],
)
def test_what_metadata_refuses(half, fields, message):
    """Only signature_def is known."""
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = "half"
    with pytest.raises(grpc.RpcError) as refused:
        prediction_service_pb2_grpc.PredictionServiceStub(half.channel).GetModelMetadata(request, timeout=30)

    assert message == refused.value.details()


def test_a_method_that_is_not_there(half):
    """UNIMPLEMENTED, not a wrong answer."""
    call = half.channel.unary_unary("/tensorflow.serving.PredictionService/Guess")
    with pytest.raises(grpc.RpcError) as refused:
        call(b"", timeout=30)

    assert grpc.StatusCode.UNIMPLEMENTED is refused.value.code()


def test_a_big_message(half, predict):
    """Beyond gRPC's usual 4 MiB, both ways."""
    x = np.arange(2_000_000, dtype=np.float32)
    answer = predict({"x": x})

    np.testing.assert_array_equal(x / 2 + 2, np.array(answer.outputs["y"].float_val, np.float32))


def test_a_rest_request_that_takes_too_long(half_plus_two, publish, tmp_path, start_server):
    """504 after rest_api_timeout_in_ms."""
    publish(half_plus_two, tmp_path, 1)
    server = start_server(tmp_path, rest_api_timeout_ms=50)
    answer = server.rest.post(PREDICT, json={"signature_name": "slow", "inputs": 200_000})

    assert 504 == answer.status_code, answer.text


def test_every_code_has_a_status_in_both_transports():
    """One table each."""
    assert set(Code) == set(HTTP_STATUS) == set(GRPC_STATUS)
    assert all(code.value == GRPC_STATUS[code].value[0] for code in Code)


def test_many_clients_at_once(half):
    """Answers are not mixed up."""
    from concurrent.futures import ThreadPoolExecutor

    def ask(number: int) -> list[float]:
        body = json.dumps({"instances": [float(number)]})
        return httpx.post(f"{half.rest.base_url}/v1/models/half:predict", content=body, timeout=30).json()[
            "predictions"
        ]

    with ThreadPoolExecutor(16) as pool:
        assert [[n / 2 + 2] for n in range(64)] == list(pool.map(ask, range(64)))
