"""Which numpy dtype and which TensorProto field belong to a DataType, by number, so that no proto need be imported.

Source: TensorFlow core/framework/types.proto and tensor.proto.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np


class Form(Enum):
    """How a field's values lie on the wire; only FIXED ones are the array's own memory."""

    FIXED = "packed, little-endian"
    VARINT = "packed varints"
    BITS = "packed varints of the 16 bits of each value"
    BYTES = "one length-delimited field for each value"


class Field(NamedTuple):
    """One dtype's typed values: `name` is TensorProto's field for them, `tag` its key on the wire."""

    number: int
    dtype: np.dtype[Any]
    name: str
    tag: bytes
    form: Form


FIELDS = (
    Field(1, np.dtype(np.float32), "float_val", b"\x2a", Form.FIXED),
    Field(2, np.dtype(np.float64), "double_val", b"\x32", Form.FIXED),
    Field(3, np.dtype(np.int32), "int_val", b"\x3a", Form.VARINT),
    Field(4, np.dtype(np.uint8), "int_val", b"\x3a", Form.VARINT),
    Field(5, np.dtype(np.int16), "int_val", b"\x3a", Form.VARINT),
    Field(6, np.dtype(np.int8), "int_val", b"\x3a", Form.VARINT),
    Field(7, np.dtype(np.object_), "string_val", b"\x42", Form.BYTES),
    Field(8, np.dtype(np.complex64), "scomplex_val", b"\x4a", Form.FIXED),
    Field(9, np.dtype(np.int64), "int64_val", b"\x52", Form.VARINT),
    Field(10, np.dtype(np.bool_), "bool_val", b"\x5a", Form.VARINT),
    Field(14, np.dtype(ml_dtypes.bfloat16), "half_val", b"\x6a", Form.BITS),
    Field(17, np.dtype(np.uint16), "int_val", b"\x3a", Form.VARINT),
    Field(18, np.dtype(np.complex128), "dcomplex_val", b"\x62", Form.FIXED),
    Field(19, np.dtype(np.float16), "half_val", b"\x6a", Form.BITS),
    Field(22, np.dtype(np.uint32), "uint32_val", b"\x82\x01", Form.VARINT),
    Field(23, np.dtype(np.uint64), "uint64_val", b"\x8a\x01", Form.VARINT),
)
BY_NUMBER = {field.number: field for field in FIELDS}
BY_DTYPE = {field.dtype: field for field in FIELDS}
