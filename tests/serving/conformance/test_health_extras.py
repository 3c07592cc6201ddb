"""gRPC health (section 9.2), and what this server adds to upstream: /healthz, /readyz and response metadata."""

# ruff: noqa: ISC004 -- a table is read row by row

from __future__ import annotations

import grpc
import pytest
from google.protobuf import wrappers_pb2

from tests.serving.conformance.wire import tensor

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:5f1d2c"
CHECK = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"
EXAMPLES = (
    'input { example_list { examples { features { feature { key: "x" value { float_list { value: 2.0 } } } } } } }'
)
X = 'inputs { key: "x" value { dtype: DT_FLOAT tensor_shape { dim { size: 1 } } float_val: 1 } }'

REST_OK = [
    # path, body
    ("/v1/models/half:predict", '{"instances": [1.0]}'),
    ("/v1/models/half:predict", '{"inputs": [1.0]}'),
    ("/v1/models/half:classify", '{"signature_name": "classify_x_to_y", "examples": [{"x": 1.0}]}'),
    ("/v1/models/half:regress", '{"signature_name": "regress_x_to_y", "examples": [{"x": 1.0}]}'),
]

GRPC_OK = [
    # method, request
    ("Predict", f'model_spec {{ name: "half" }} {X}'),
    ("Classify", f'model_spec {{ name: "half" signature_name: "classify_x_to_y" }} {EXAMPLES}'),
    ("Regress", f'model_spec {{ name: "half" signature_name: "regress_x_to_y" }} {EXAMPLES}'),
    (
        "MultiInference",
        'tasks { model_spec { name: "half" signature_name: "regress_x_to_y" } '
        f'method_name: "tensorflow/serving/regress" }} {EXAMPLES}',
    ),
]


def check(server, service):
    """Health/Check of a service name, as the bytes of its messages."""
    call = server.channel.unary_unary(CHECK, bytes, bytes)
    request = b"\x0a" + bytes([len(service)]) + service.encode() if service else b""
    try:
        return "OK", call(request, timeout=30)
    except grpc.RpcError as error:
        return error.code().name, None


@pytest.mark.parametrize("service", ["", "ModelService", "PredictionService"])
def test_health_is_serving(options, service):
    """With enable_grpc_healthcheck_service."""
    assert ("OK", SERVING) == check(options, service)


@pytest.mark.parametrize("service", ["nope", "tensorflow.serving.PredictionService", "predictionservice"])
def test_health_of_others_is_not_found(options, service):
    """Only the short names are known."""
    assert ("NOT_FOUND", None) == check(options, service)


def name_field(name):
    """A HealthCheckRequest of that name."""
    return wrappers_pb2.BytesValue(value=name).SerializeToString() or b"\x0a\x00"


@pytest.mark.parametrize(
    ("request_bytes", "code", "message"),
    [
        (b"\xff", "INVALID_ARGUMENT", "could not parse request"),
        (b"\x0a\x05ab", "INVALID_ARGUMENT", "could not parse request"),
        (b"\x0a\x01\xff", "INVALID_ARGUMENT", "could not parse request"),
        (name_field(b"x" * 201), "INVALID_ARGUMENT", "could not parse request"),
        (name_field(b"x" * 200), "NOT_FOUND", "service name unknown"),
        (name_field(b""), "OK", ""),
        # A field that nobody knows yet, and a name that comes twice: the last one counts.
        (name_field(b"ModelService") + b"\x10\x01", "OK", ""),
        (name_field(b"nope") + name_field(b"ModelService"), "OK", ""),
        (name_field(b"ModelService") + name_field(b"nope"), "NOT_FOUND", "service name unknown"),
    ],
)
def test_health_reads_any_request(options, request_bytes, code, message):
    """As gRPC's own service does: what is no request is INVALID_ARGUMENT."""
    call = options.channel.unary_unary(CHECK, bytes, bytes)
    try:
        answer = "OK", "" if call(request_bytes, timeout=30) == SERVING else "not serving"
    except grpc.RpcError as error:
        answer = error.code().name, error.details()

    assert (code, message) == answer


@pytest.mark.parametrize("service", ["", "ModelService", "nope"])
def test_health_needs_its_flag(main, service):
    """UNIMPLEMENTED without it."""
    assert ("UNIMPLEMENTED", None) == check(main, service)


@pytest.mark.parametrize("method", ["/tensorflow.serving.PredictionService/Nope", "/a.B/C", "/nonsense"])
def test_other_methods_are_unimplemented(main, method):
    """No reflection either."""
    with pytest.raises(grpc.RpcError) as caught:
        main.channel.unary_unary(method, bytes, bytes)(b"", timeout=30)

    assert grpc.StatusCode.UNIMPLEMENTED == caught.value.code()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_serving_server_is_healthy_and_ready(main, path):
    """200 with a short text."""
    answer = main.get(path)

    assert 200 == answer.status
    assert 0 < len(answer.body) < 200
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(("path", "body"), REST_OK)
def test_rest_answers_say_who_answered(options, path, body):
    """Model, version, digest and release commit."""
    answer = options.post(path, body)

    assert 200 == answer.status
    assert {
        "shipway-model": "half",
        "shipway-model-version": "123",
        "shipway-model-digest": DIGEST,
        "shipway-release-commit": COMMIT,
    }.items() <= answer.headers.items()


@pytest.mark.parametrize(("method", "request_text"), GRPC_OK)
def test_grpc_answers_say_who_answered(options, method, request_text):
    """The same names in lower case, after the message."""
    reply = options.call(method, request_text)

    assert "OK" == reply.code, reply.message
    assert {
        "shipway-model": "half",
        "shipway-model-version": "123",
        "shipway-model-digest": DIGEST,
        "shipway-release-commit": COMMIT,
    }.items() <= reply.trailing.items()


def test_rest_answers_without_digest_and_commit(main):
    """Only what is known is said."""
    answer = main.post("/v1/models/many/versions/2:predict", '{"instances": [1.0]}')

    assert {"shipway-model": "many", "shipway-model-version": "2"}.items() <= answer.headers.items()
    assert not {"shipway-model-digest", "shipway-release-commit"} & set(answer.headers)


def test_grpc_answers_without_digest_and_commit(main):
    """Only what is known is said."""
    reply = main.predict("many", {"x": tensor("float32", [1.0])}, version=2)

    assert {"shipway-model": "many", "shipway-model-version": "2"}.items() <= reply.trailing.items()
    assert not {"shipway-model-digest", "shipway-release-commit"} & set(reply.trailing)
