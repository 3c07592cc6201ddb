"""TensorProto to array and back: every field form is read, the typed fields are written, as upstream does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2, types_pb2

from serving.errors import InvalidArgument

Array = NDArray[Any]

# dtype -> (numpy dtype, the field that holds its values); what is not here goes through TensorFlow's own code.
_FIELDS: dict[int, tuple[Any, str]] = {
    types_pb2.DT_FLOAT: (np.float32, "float_val"),
    types_pb2.DT_DOUBLE: (np.float64, "double_val"),
    types_pb2.DT_INT32: (np.int32, "int_val"),
    types_pb2.DT_INT16: (np.int16, "int_val"),
    types_pb2.DT_INT8: (np.int8, "int_val"),
    types_pb2.DT_UINT8: (np.uint8, "int_val"),
    types_pb2.DT_UINT16: (np.uint16, "int_val"),
    types_pb2.DT_INT64: (np.int64, "int64_val"),
    types_pb2.DT_UINT32: (np.uint32, "uint32_val"),
    types_pb2.DT_UINT64: (np.uint64, "uint64_val"),
    types_pb2.DT_BOOL: (np.bool_, "bool_val"),
    types_pb2.DT_STRING: (np.object_, "string_val"),
}
_DTYPES = {np.dtype(dtype): number for number, (dtype, _) in _FIELDS.items()}


def to_array(proto: tensor_pb2.TensorProto) -> Array:
    """The tensor's values; strings as an object array of bytes.

    Raises: ValueError when the proto holds no tensor: more values than its shape has, wrong content size, bad dtype.
    """
    if proto.dtype not in _FIELDS:
        return _by_tensorflow(proto)
    dtype, field = _FIELDS[proto.dtype]
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ValueError(f"shape {shape} is not fully defined")
    if proto.tensor_content and dtype is not np.object_:
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    return _filled(np.array(getattr(proto, field), dtype), shape)


def from_array(array: Array) -> tensor_pb2.TensorProto:
    """The proto with one entry per element in the typed field."""
    number = _DTYPES.get(array.dtype)
    if number is None:
        return _proto_by_tensorflow(array)
    proto = tensor_pb2.TensorProto(dtype=number)
    # An empty shape must be present: it says scalar.
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    getattr(proto, _FIELDS[number][1]).extend(array.ravel().tolist())
    return proto


def _filled(values: Array, shape: tuple[int, ...]) -> Array:
    """Fewer values than elements: the last is repeated (none: zero), as in Tensor::FromProto."""
    count = math.prod(shape)
    if values.size > count:
        raise ValueError(f"{values.size} values for shape {shape}")
    if values.size < count:
        last = values[-1] if values.size else (b"" if values.dtype == object else values.dtype.type(0))
        values = np.concatenate([values, np.full(count - values.size, last, values.dtype)])
    return values.reshape(shape)


def _by_tensorflow(proto: tensor_pb2.TensorProto) -> Array:
    import tensorflow as tf

    try:
        return np.asarray(tf.make_ndarray(proto))
    except (TypeError, KeyError) as error:
        raise ValueError(f"no array for dtype {proto.dtype}: {error}") from None


def _proto_by_tensorflow(array: Array) -> tensor_pb2.TensorProto:
    import tensorflow as tf

    try:
        return tf.make_tensor_proto(array)
    except TypeError as error:
        raise InvalidArgument(f"Cannot write a tensor of {array.dtype}: {error}") from None
