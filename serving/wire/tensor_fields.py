"""How the typed values of each DataType lie on the wire. Source: TensorFlow core/framework/tensor.proto at 2.20.0."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from serving.servables.dtypes import DTYPES, QUANTIZED, DType
from serving.wire.varint import encode_varint

if TYPE_CHECKING:
    import numpy as np


class Form(Enum):
    """How a field's values lie on the wire; only FIXED ones are the array's own memory."""

    FIXED = "packed, little-endian"
    VARINT = "packed varints"
    BITS = "packed varints of the 16 bits of each value"
    BYTES = "one length-delimited field for each value"


class Field(NamedTuple):
    """One DataType's typed values: `name` is TensorProto's field for them, `tag` its key on the wire."""

    number: int
    dtype: np.dtype[Any]
    name: str
    tag: bytes
    form: Form


_LENGTH_DELIMITED = 2
_FORMS = {
    "float_val": (5, Form.FIXED),
    "double_val": (6, Form.FIXED),
    "int_val": (7, Form.VARINT),
    "string_val": (8, Form.BYTES),
    "scomplex_val": (9, Form.FIXED),
    "int64_val": (10, Form.VARINT),
    "bool_val": (11, Form.VARINT),
    "dcomplex_val": (12, Form.FIXED),
    "half_val": (13, Form.BITS),
    "uint32_val": (16, Form.VARINT),
    "uint64_val": (17, Form.VARINT),
}


def _field(dtype: DType) -> Field:
    number, form = _FORMS[dtype.field]
    return Field(dtype.number, dtype.numpy, dtype.field, encode_varint(number << 3 | _LENGTH_DELIMITED), form)


# Four-bit integers, float8 and quantized types are rare enough to be left to protobuf.
_COMMON = [dtype for dtype in DTYPES if dtype.number not in QUANTIZED and dtype.name not in {"int4", "uint4"}]
FIELDS = tuple(_field(dtype) for dtype in _COMMON if dtype.field in _FORMS)
BY_NUMBER = {field.number: field for field in FIELDS}
BY_DTYPE = {field.dtype: field for field in FIELDS}
