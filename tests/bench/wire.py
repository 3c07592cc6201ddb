"""Requests as the bytes that a client sends, written by hand so that the benchmark needs no generated code.

Source: tensorflow_serving/apis/predict.proto at 2.20.0; the Open Inference Protocol's open_inference_grpc.proto.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

INPUT, OUTPUT = "x", "y"
_DT_FLOAT = 1


def predict_request(model: str, x: Array) -> bytes:
    """A tensorflow.serving.PredictRequest with tensor_content, as tf.make_tensor_proto writes it."""
    shape = b"".join(_field(2, _number(1, size)) for size in x.shape)
    tensor = _number(1, _DT_FLOAT) + _field(2, shape) + _field(4, x.tobytes())
    spec = _field(1, model.encode()) + _field(3, b"serving_default")
    return _field(1, spec) + _field(2, _field(1, INPUT.encode()) + _field(2, tensor))


def predict_response(model: str, version: int, y: Array) -> bytes:
    """A tensorflow.serving.PredictResponse with float_val, as TensorFlow Serving writes it."""
    shape = b"".join(_field(2, _number(1, size)) for size in y.shape)
    tensor = _number(1, _DT_FLOAT) + _field(2, shape) + _field(5, y.tobytes())
    spec = _field(1, model.encode()) + _field(2, _number(1, version)) + _field(3, b"serving_default")
    return _field(1, _field(1, OUTPUT.encode()) + _field(2, tensor)) + _field(2, spec)


def reload_request(model: str, base_path: str) -> bytes:
    """A tensorflow.serving.ReloadConfigRequest for one model."""
    config = _field(1, model.encode()) + _field(2, base_path.encode()) + _field(4, b"tensorflow")
    return _field(1, _field(1, _field(1, config)))


def model_infer_request(model: str, x: Array) -> bytes:
    """An inference.ModelInferRequest with raw_input_contents, as Triton's own client writes it."""
    shape = b"".join(_varint(size) for size in x.shape)
    tensor = _field(1, INPUT.encode()) + _field(2, b"FP32") + _field(3, shape)
    return _field(1, model.encode()) + _field(5, tensor) + _field(7, x.tobytes())


def instances(_model: str, x: Array) -> bytes:
    """TensorFlow Serving's row form."""
    return json.dumps({"instances": _short(x)}).encode()


def infer(_model: str, x: Array) -> bytes:
    """The Open Inference Protocol's JSON, data flat."""
    tensor = {"name": INPUT, "shape": list(x.shape), "datatype": "FP32", "data": _short(x.reshape(-1))}
    return json.dumps({"inputs": [tensor]}).encode()


def rows(_model: str, x: Array) -> bytes:
    """An object with the rows under the input's name, for servers without a protocol of their own."""
    return json.dumps({INPUT: _short(x)}).encode()


def _short(x: Array) -> Any:
    """The numbers with three decimals, as the cases have them."""
    return x.astype(float).round(3).tolist()


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
