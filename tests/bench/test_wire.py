"""Requests written by hand are the ones that the protocols' own code writes."""

import json

import numpy as np
import pytest

from tests.bench import wire

X = np.arange(6, dtype=np.float32).reshape(1, 6) / 8


def field(number: int, payload: bytes) -> bytes:
    """A length-delimited field with a short payload."""
    return bytes([number << 3 | 2, len(payload)]) + payload


def test_a_predict_request_carries_the_tensor_as_its_content():
    """Model and signature, then one input with dtype, shape and raw bytes."""
    tensor = b"\x08\x01" + field(2, field(2, b"\x08\x01") + field(2, b"\x08\x06")) + field(4, X.tobytes())

    expected = field(1, field(1, b"m") + field(3, b"serving_default")) + field(2, field(1, b"x") + field(2, tensor))

    assert expected == wire.predict_request("m", X)


def test_a_model_infer_request_carries_raw_contents():
    """The Open Inference Protocol's binary form."""
    tensor = field(1, b"x") + field(2, b"FP32") + field(3, b"\x01\x06")

    assert field(1, b"m") + field(5, tensor) + field(7, X.tobytes()) == wire.model_infer_request("m", X)


def test_a_length_over_127_takes_two_bytes():
    """Lengths are varints."""
    request = wire.predict_request("m", np.zeros((1, 50), np.float32))

    assert b"\x22\xc8\x01" + bytes(200) in request


@pytest.mark.parametrize(("form", "path"), [(wire.instances, ["instances"]), (wire.rows, ["x"])])
def test_rows_are_nested_by_rest(form, path):
    """The row forms keep the shape."""
    assert json.loads(form("m", X))[path[0]] == X.astype(float).round(3).tolist()


def test_the_open_inference_protocol_is_flat_by_rest():
    """Its shape stands beside its data."""
    (tensor,) = json.loads(wire.infer("m", X))["inputs"]

    assert tensor == {
        "name": "x",
        "shape": [1, 6],
        "datatype": "FP32",
        "data": X.astype(float).round(3).ravel().tolist(),
    }
