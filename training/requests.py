"""Requests to TensorFlow Serving for rows of a dataset, as protobufs and as JSON bodies. Not here: sending them."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, predict_pb2

from training.examples import Array

Features = Mapping[str, Array]


def predict(model: str, features: Features) -> predict_pb2.PredictRequest:
    """A PredictRequest for one batch of <float32>[batch, ...] by feature."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = "serving_default"
    for name, values in features.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return request


def classify(model: str, features: Features) -> classification_pb2.ClassificationRequest:
    """A ClassificationRequest with one tf.train.Example per row."""
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = "classify"
    for row in range(_rows(features)):
        example = request.input.example_list.examples.add()
        for name, values in features.items():
            example.features.feature[name].float_list.value.extend(values[row].reshape(-1).tolist())
    return request


def row_body(features: Features) -> dict[str, Any]:
    """The row form: one instance per row, bare if there is one input, else an object."""
    if len(features) == 1:
        return {"instances": next(iter(features.values())).tolist()}
    columns = {name: values.tolist() for name, values in features.items()}
    return {"instances": [{name: columns[name][row] for name in columns} for row in range(_rows(features))]}


def columnar_body(features: Features) -> dict[str, Any]:
    """The columnar form: each input as one tensor, by name."""
    return {"inputs": {name: values.tolist() for name, values in features.items()}}


def _rows(features: Features) -> int:
    return len(next(iter(features.values())))
