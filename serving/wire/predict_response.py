"""PredictResponse to bytes, equal to what protobuf serializes for the same message, outputs in order of alias."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serving.wire.tensor_fields import BY_DTYPE, Field, Form
from serving.wire.varint import encode_varint, pack_varints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.model_spec import ModelSpec

Array = NDArray[Any]
_LITTLE_ENDIAN = sys.byteorder == "little"
_CONTENT = b"\x22"
_TWO_BYTES = 0x80
# From here on numpy's dozen calls are quicker than protobuf's objects.
_MANY_VALUES = 512


def encode_predict_response(spec: ModelSpec, outputs: Mapping[str, Array], *, as_tensor_content: bool = False) -> bytes:
    """A serialized tensorflow.serving.PredictResponse.

    Args:
      spec: What has answered: name, version and signature_name, in full.
      outputs: By alias, any shape; strings are object arrays of bytes.
      as_tensor_content: Writes `tensor_content` instead of the typed fields.
    Raises: InvalidArgument for a dtype that TensorFlow does not know.
    Source: TF Serving servables/tensorflow/predict_util.cc at 2.20.0; TensorFlow core/framework/tensor.cc.
    """
    parts: list[bytes] = []
    for alias in sorted(outputs):
        _append_output(parts, alias, outputs[alias], as_tensor_content)
    parts.append(_model_spec(spec))
    return b"".join(parts)


def encode_predict_responses(
    spec: ModelSpec, outputs: Mapping[str, Array], count: int, *, as_tensor_content: bool = False
) -> list[bytes]:
    """What encode_predict_response gives for each of `count` equal shares of the outputs' rows, in their order."""
    if count == 1:
        return [encode_predict_response(spec, outputs, as_tensor_content=as_tensor_content)]
    columns = [_shares(alias, outputs[alias], count, as_tensor_content) for alias in sorted(outputs)]
    tail = _model_spec(spec)
    if len(columns) == 1:
        return [share + tail for share in columns[0]]
    return [b"".join(shares) + tail for shares in zip(*columns, strict=True)]


def _shares(alias: str, array: Array, count: int, as_tensor_content: bool) -> list[bytes]:  # noqa: FBT001
    """One output of each; what is an array's own memory on the wire is cut out of it."""
    rows = len(array) // count
    field = BY_DTYPE.get(array.dtype) if _LITTLE_ENDIAN else None
    if field is None or field.form is not Form.FIXED or not array.size:
        shares = []
        for at in range(0, rows * count, rows) if rows else [0] * count:
            parts: list[bytes] = []
            _append_output(parts, alias, array[at : at + rows], as_tensor_content)
            shares.append(b"".join(parts))
        return shares
    size = array.nbytes // count
    tag = _CONTENT if as_tensor_content else field.tag
    head, values = _tensor_head(alias, field.number, (rows, *array.shape[1:]), tag, size), array.tobytes()
    return [head + values[at : at + size] for at in range(0, len(values), size)]


def _append_output(parts: list[bytes], alias: str, array: Array, as_tensor_content: bool) -> None:  # noqa: FBT001
    field = BY_DTYPE.get(array.dtype) if _LITTLE_ENDIAN else None
    if field is None:
        tensor = _tensor_by_protobuf(array, as_tensor_content)
        parts += [_head(alias, len(tensor)), tensor]
        return
    tag, payload = _content(array, field) if as_tensor_content else _typed_values(array, field)
    parts += [_tensor_head(alias, field.number, array.shape, tag, len(payload)), payload]


def _typed_values(array: Array, field: Field) -> tuple[bytes, bytes]:
    """Key and packed values of the typed field; an empty key: the values have their own."""
    if field.form is Form.FIXED:
        return field.tag, array.tobytes()
    if field.form is Form.BYTES:
        return b"", _string_fields(array)
    return _varints(array.view(np.uint16) if field.form is Form.BITS else array, field)


def _varints(array: Array, field: Field) -> tuple[bytes, bytes]:
    if array.size >= _MANY_VALUES:
        return field.tag, pack_varints(array.ravel())
    values = array.ravel().tolist()
    if not values or (min(values) >= 0 and max(values) < _TWO_BYTES):
        return field.tag, bytes(values)
    return b"", _field_by_protobuf(field.name, values)


def _string_fields(array: Array) -> bytes:
    values = array.ravel().tolist()
    return b"".join([part for value in values for part in (b"\x42", encode_varint(len(value)), value)])


def _content(array: Array, field: Field) -> tuple[bytes, bytes]:
    """Strings: all lengths, then all values. Source: TensorFlow core/platform/tensor_coding.cc, EncodeStringList."""
    if field.form is not Form.BYTES:
        return _CONTENT, array.tobytes()
    values = array.ravel().tolist()
    return _CONTENT, b"".join([encode_varint(len(value)) for value in values] + values)


@lru_cache(maxsize=1024)
def _tensor_head(alias: str, number: int, shape: tuple[int, ...], tag: bytes, size: int) -> bytes:
    """All of a map entry before the values; `tag` empty: they bring their own, and are `size` bytes with it."""
    head = b"\x08" + encode_varint(number) + _message(b"\x12", b"".join(_dim(length) for length in shape))
    if tag and size:
        head += tag + encode_varint(size)
    return _head(alias, len(head) + size) + head


def _head(alias: str, tensor_size: int) -> bytes:
    """Key and length of the map entry, its alias, key and length of its tensor."""
    entry = _message(b"\x0a", alias.encode()) + b"\x12" + encode_varint(tensor_size)
    return b"\x0a" + encode_varint(len(entry) + tensor_size) + entry


def _dim(length: int) -> bytes:
    return _message(b"\x12", b"\x08" + encode_varint(length) if length else b"")


@lru_cache(maxsize=1024)
def _model_spec(spec: ModelSpec) -> bytes:
    body = _text(b"\x0a", spec.name)
    if spec.version is not None:
        body += _message(b"\x12", b"\x08" + encode_varint(spec.version) if spec.version else b"")
    return _message(b"\x12", body + _text(b"\x1a", spec.signature_name))


def _text(key: bytes, text: str) -> bytes:
    """A proto3 string field: nothing when empty."""
    return _message(key, text.encode()) if text else b""


def _message(key: bytes, payload: bytes) -> bytes:
    return key + encode_varint(len(payload)) + payload


def _field_by_protobuf(name: str, values: list[int]) -> bytes:
    from tensorflow.core.framework import tensor_pb2

    return bytes(tensor_pb2.TensorProto(**{name: values}).SerializeToString())


def _tensor_by_protobuf(array: Array, as_tensor_content: bool) -> bytes:  # noqa: FBT001
    from serving.servables.tensor_proto import from_array

    return bytes(from_array(array, as_tensor_content=as_tensor_content).SerializeToString())
