"""dtypes: TensorFlow's element types, their names, numpy's equivalents and the TensorProto field that holds them.

Source: tensorflow/core/framework/types.proto, tensor.proto at 2.20.0; the numbers spare an import.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import ml_dtypes
import numpy as np


class DType(NamedTuple):
    """One element type: `number` is the DataType enum's, `name` as in TensorFlow's messages (`float`, `int64`)."""

    number: int
    name: str
    numpy: np.dtype[Any]
    # The repeated field of a TensorProto with one entry per element (two for complex; float8_val is bytes).
    field: str


def _row(number: int, name: str, numpy: Any, field: str) -> DType:
    return DType(number, name, np.dtype(numpy), field)


def _quantized(number: int, name: str, numpy: Any) -> DType:
    """As TensorFlow knows it from numpy: a structure with one field, whose name is the type's."""
    return _row(number, name, [(name, numpy)], "int_val")


DTYPES = (
    _row(1, "float", np.float32, "float_val"),
    _row(2, "double", np.float64, "double_val"),
    _row(3, "int32", np.int32, "int_val"),
    _row(4, "uint8", np.uint8, "int_val"),
    _row(5, "int16", np.int16, "int_val"),
    _row(6, "int8", np.int8, "int_val"),
    _row(7, "string", np.object_, "string_val"),
    _row(8, "complex64", np.complex64, "scomplex_val"),
    _row(9, "int64", np.int64, "int64_val"),
    _row(10, "bool", np.bool_, "bool_val"),
    _quantized(11, "qint8", np.int8),
    _quantized(12, "quint8", np.uint8),
    _quantized(13, "qint32", np.int32),
    _row(14, "bfloat16", ml_dtypes.bfloat16, "half_val"),
    _quantized(15, "qint16", np.int16),
    _quantized(16, "quint16", np.uint16),
    _row(17, "uint16", np.uint16, "int_val"),
    _row(18, "complex128", np.complex128, "dcomplex_val"),
    _row(19, "half", np.float16, "half_val"),
    _row(22, "uint32", np.uint32, "uint32_val"),
    _row(23, "uint64", np.uint64, "uint64_val"),
    _row(24, "float8_e5m2", ml_dtypes.float8_e5m2, "float8_val"),
    _row(25, "float8_e4m3fn", ml_dtypes.float8_e4m3fn, "float8_val"),
    _row(26, "float8_e4m3fnuz", ml_dtypes.float8_e4m3fnuz, "float8_val"),
    _row(27, "float8_e4m3b11fnuz", ml_dtypes.float8_e4m3b11fnuz, "float8_val"),
    _row(28, "float8_e5m2fnuz", ml_dtypes.float8_e5m2fnuz, "float8_val"),
    _row(29, "int4", ml_dtypes.int4, "int_val"),
    _row(30, "uint4", ml_dtypes.uint4, "int_val"),
)

BY_NUMBER = {dtype.number: dtype for dtype in DTYPES}
BY_NUMPY = {dtype.numpy: dtype for dtype in DTYPES}
# TensorFlow takes them as what they are, and gives back their numbers.
QUANTIZED = {dtype.number: dtype.numpy for dtype in DTYPES if dtype.numpy.names}

# Element types without an equivalent in numpy; they are named in messages all the same.
_OTHER_NAMES = {0: "INVALID", 20: "resource", 21: "variant"}
# A reference (a TF1 variable) has the number of its element type and this much more.
REF = 100


def name_of(number: int) -> str:
    """TensorFlow's name of a DataType, e.g. 1: float; a reference's has `_ref` behind it."""
    if number > REF:
        return f"{name_of(number - REF)}_ref"
    found = BY_NUMBER.get(number)
    return found.name if found else _OTHER_NAMES.get(number, f"unknown dtype enum ({number})")


def of_array(array: np.ndarray[Any, Any]) -> DType | None:
    """The element type that an array is fed as; numpy's own text and bytes count as strings."""
    if array.dtype.kind in "SU":
        return BY_NUMPY[np.dtype(np.object_)]
    return BY_NUMPY.get(array.dtype.newbyteorder("="))


def plain(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """That of the numbers of a quantized type; any other as it is."""
    return dtype[0] if dtype.names else dtype
