"""How messages show an output's dtype and shape and a whole proto, as C++ does: DT_FLOAT, [2,3], DebugString."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import text_format

from serving.servables import dtypes

if TYPE_CHECKING:
    from numpy.typing import NDArray


def dtype_text(array: NDArray[Any]) -> str:
    """The DataType enum's name, e.g. DT_INT64."""
    dtype = dtypes.of_array(array)
    return f"DT_{dtype.name.upper()}" if dtype else "DT_INVALID"


def shape_text(array: NDArray[Any]) -> str:
    """TensorShape::DebugString, e.g. [2,3]; [] for a scalar."""
    return "[" + ",".join(map(str, array.shape)) + "]"


def debug_string(proto: Any) -> str:
    """Message::DebugString: several lines, each ended, with map entries in the order of their keys and ASCII only."""
    return str(text_format.MessageToString(proto, as_utf8=False))
