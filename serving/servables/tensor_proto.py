"""TensorProto to array and back: every field form is read, the typed fields are written, as upstream does.

Source: Tensor::FromProto, AsProtoField and AsProtoTensorContent in tensorflow/core/framework/tensor.cc at 2.20.0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import InvalidArgument
from serving.servables import string_list
from serving.servables.dtypes import BY_NUMBER, DType, of_array, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tensorflow.core.framework import tensor_pb2

Array = NDArray[Any]

# A few bytes may stand for many elements (the last value is repeated); beyond this much memory they are refused.
MAX_EXPANDED_BYTES = 1 << 28
# The most dimensions that numpy's arrays and TensorFlow's tensors have.
MAX_RANK, MAX_TENSORFLOW_RANK = 64, 254
# numpy's dtype of one entry of the field; what is not here has the element type's own.
_ENTRIES: dict[str, Any] = {"half_val": np.uint16, "scomplex_val": np.float32, "dcomplex_val": np.float64}
_BITS = {"half_val"}
_PAIRS = {"scomplex_val", "dcomplex_val"}


def to_array(proto: tensor_pb2.TensorProto) -> Array:
    """The tensor's values; strings as an object array of bytes. The array may be read-only.

    Raises: ValueError when the proto holds no tensor: bad dtype or shape, content of another size, more than
      MAX_EXPANDED_BYTES out of fewer values; InvalidArgument for one of so many dimensions that only TensorFlow has it.
    """
    dtype = BY_NUMBER.get(proto.dtype)
    if dtype is None:
        raise ValueError(f"no array for dtype {proto.dtype}")
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if any(size < 0 for size in shape):
        raise ValueError(f"shape {shape} is not fully defined")
    if MAX_RANK < len(shape) <= MAX_TENSORFLOW_RANK:
        raise InvalidArgument(
            f"Tensors of more than {MAX_RANK} dimensions are not supported by this server, reshape it. "
            f"Received: rank {len(shape)}"
        )
    count = math.prod(shape)
    if not count:
        return np.empty(shape, dtype.numpy)
    content = proto.tensor_content
    if content:
        return _from_content(content, dtype, count).reshape(shape)
    return _filled(_values(proto, dtype), count).view(dtype.numpy).reshape(shape)


def from_array(array: Array, *, as_tensor_content: bool = False) -> tensor_pb2.TensorProto:
    """The proto with one entry per element in the typed field, or all of them in `tensor_content`.

    Raises: InvalidArgument for an array that TensorFlow has no element type for.
    """
    from tensorflow.core.framework import tensor_pb2

    dtype = of_array(array)
    if dtype is None:
        raise InvalidArgument(f"Cannot write a tensor of {array.dtype}")
    array = np.asarray(array, dtype.numpy)
    proto = tensor_pb2.TensorProto(dtype=dtype.number)
    # An empty shape must be present: it says scalar.
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    if as_tensor_content:
        proto.tensor_content = string_list.encode(array.ravel()) if dtype.name == "string" else array.tobytes()
    elif dtype.field == "float8_val":
        proto.float8_val = array.tobytes()
    else:
        getattr(proto, dtype.field).extend(_entries(array.ravel(), dtype))
    return proto


def _entries(values: Array, dtype: DType) -> list[Any]:
    if dtype.field in _BITS or dtype.field in _PAIRS:
        values = values.view(_ENTRIES[dtype.field])
    elif dtype.name in {"int4", "uint4"}:
        values = values.astype(np.int32)
    return list(values.view(plain(values.dtype)).tolist())


def _values(proto: Any, dtype: DType) -> Array:
    """What the typed field holds, quantized types as plain numbers; as C++ narrows, those out of range wrap around."""
    if dtype.field == "float8_val":
        return np.frombuffer(proto.float8_val, dtype.numpy)
    field = getattr(proto, dtype.field)
    if dtype.field == "string_val":
        return _objects(field)
    if dtype.field == "int_val":
        values = np.array(field, np.int32)
        return values if dtype.numpy == np.int32 else _narrowed(values, dtype)
    if dtype.field in _BITS:
        return np.array(field, np.int32).astype(np.uint16).view(dtype.numpy)
    if dtype.field in _PAIRS:
        return np.array(field[: len(field) // 2 * 2], _ENTRIES[dtype.field]).view(dtype.numpy)
    return np.array(field, dtype.numpy)


def _narrowed(values: Array, dtype: DType) -> Array:
    """To the lowest bits, with their sign."""
    if dtype.name == "int4":
        return ((values & 15 ^ 8) - 8).astype(dtype.numpy)
    return (values & 15 if dtype.name == "uint4" else values).astype(plain(dtype.numpy))


def _filled(values: Array, count: int) -> Array:
    """Fewer values than elements: the last is repeated (none: zero); what is too many is left out."""
    if values.size >= count:
        return values[:count]
    if count * values.itemsize > MAX_EXPANDED_BYTES:
        raise ValueError(f"{values.size} values for {count} elements, more than {MAX_EXPANDED_BYTES} bytes")
    last = values[-1] if values.size else (b"" if values.dtype == object else values.dtype.type(0))
    filled = np.full(count, last, values.dtype)
    filled[: values.size] = values
    return filled


def _from_content(content: bytes, dtype: DType, count: int) -> Array:
    if dtype.name == "string":
        return _objects(string_list.decode(content, count))
    if len(content) != count * dtype.numpy.itemsize:
        raise ValueError(f"{len(content)} bytes of content for {count} elements of {dtype.name}")
    if dtype.name == "bool" and content.strip(b"\0\1"):
        raise ValueError("content of a bool tensor is not all 0 and 1")
    return np.frombuffer(content, dtype.numpy)


def _objects(values: Sequence[bytes]) -> Array:
    array = np.empty(len(values), object)
    array[:] = values
    return array
