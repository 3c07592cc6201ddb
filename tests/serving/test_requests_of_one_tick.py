"""Requests that come together are answered as each is by itself."""

import json
import re
import socket

import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.servables.tensor_proto import from_array, to_array

# Long enough for what is quick to be known.
ROUNDS = 20


def raw_request(values) -> bytes:
    """One predict request."""
    body = json.dumps({"instances": values}).encode()
    return b"POST /v1/models/half:predict HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def answers(port, requests) -> list[tuple[bytes, bytes]]:
    """Sends all in one piece; each answer's head without its date, and its body."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client, client.makefile("rb") as stream:
        client.sendall(b"".join(requests))
        found = []
        for _ in requests:
            head = b"".join(iter(stream.readline, b"\r\n"))
            size = int(re.search(rb"Content-Length: (\d+)", head)[1])
            found.append((re.sub(rb"Date: .*\r\n", b"", head), stream.read(size)))
        return found


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (1, 2, 3), (1,) * 40], ids=str)
def test_rest_requests(half, sizes):
    """A number of rows, several numbers of rows, many requests."""
    port = half.server.options.rest_api_port
    for number in range(ROUNDS):
        requests = [raw_request([number + size / (index + 3)] * size) for index, size in enumerate(sizes)]
        together = answers(port, requests)

        assert [answers(port, [request])[0] for request in requests] == together


def test_rest_requests_of_which_one_is_wrong(half):
    """The others are answered."""
    port = half.server.options.rest_api_port
    requests = [raw_request([1.0]), raw_request(["no"]), raw_request([3.0])]
    for _ in range(ROUNDS):
        together = answers(port, requests)
        assert [answers(port, [request])[0] for request in requests] == together
        assert [b"200", b"400", b"200"] == [head[9:12] for head, _ in together]


def test_grpc_requests(half):
    """Values, dtypes and numbers of rows in turn, and a request that is wrong."""
    stub = prediction_service_pb2_grpc.PredictionServiceStub(half.channel)

    def request(array):
        message = predict_pb2.PredictRequest()
        message.model_spec.name = "half"
        message.inputs["x"].CopyFrom(from_array(array))
        return message

    for number in range(ROUNDS):
        arrays = [np.full(size, number + size, np.float32) for size in (1, 1, 2, 1, 3, 1, 1)]
        wrong = stub.Predict.future(request(np.ones(1, np.int32)), timeout=30)
        calls = [stub.Predict.future(request(array), timeout=30) for array in arrays]
        for array, call in zip(arrays, calls, strict=True):
            np.testing.assert_array_equal(array / 2 + 2, to_array(call.result().outputs["y"]))
            assert ("shipway-model-version", "123") in call.trailing_metadata()
        assert "INVALID_ARGUMENT" == wrong.code().name
