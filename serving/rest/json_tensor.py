"""JSON to tensors, the row (`instances`) and column (`inputs`) forms of a predict body. Pure.

A well-formed tensor is converted by steps in C; only one that is not is walked value by value, to say what is wrong.
"""

from __future__ import annotations

import binascii
import re
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pybase64
from numpy.typing import NDArray

from serving.errors import InvalidArgument, ServingError, Unimplemented
from serving.rest.json_text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Array = NDArray[Any]

# What numpy can hold.
MAX_RANK = 64
_WHITE_SPACE = re.compile(r"[ \t\n\v\f\r]+")
_INT32 = (-(2**31), 2**31 - 1)
# TensorFlow's name -> (numpy's, range of its integer tokens). Narrow types take an int32 token and wrap, as upstream.
INTEGERS: dict[str, tuple[Any, tuple[int, int]]] = {
    "int8": (np.int8, _INT32),
    "int16": (np.int16, _INT32),
    "int32": (np.int32, _INT32),
    "uint8": (np.uint8, _INT32),
    "int64": (np.int64, (-(2**63), 2**63 - 1)),
    "uint32": (np.uint32, (0, 2**32 - 1)),
    "uint64": (np.uint64, (0, 2**64 - 1)),
}
FLOATS = {"float": np.float32, "double": np.float64}
_JSON_TYPES = {type(None): "Null", dict: "Object", list: "Array", str: "String"}


def inputs_from_json(document: Mapping[str, Any], dtypes: Mapping[str, str]) -> tuple[bool, dict[str, Array]]:
    """The inputs of a predict body.

    Args:
      document: A parsed body, an object.
      dtypes: TensorFlow's name of each input's dtype, by alias.
    Returns: whether the body is in row form, and the tensor of each alias.
    Raises: InvalidArgument, Unimplemented (a dtype that JSON cannot carry), in upstream's words.
    Source: TF Serving util/json_tensor.cc at 2.20.0.
    """
    if "instances" in document and "inputs" in document:
        raise InvalidArgument(
            f"JSON Value: {shown(document)} Not formatted correctly expecting only one of 'inputs' or 'instances' "
            "keys to exist "
        )
    if "instances" in document:
        return True, _rows(document, document["instances"], dtypes)
    if "inputs" in document:
        return False, _columns(document["inputs"], dtypes)
    raise InvalidArgument("Missing 'inputs' or 'instances' key")


def tensor_from_json(value: Any, dtype: str) -> Array:
    """One tensor, of the shape of the nesting; a bare value is a scalar. Raises as inputs_from_json."""
    tensor = _fast(value, dtype)
    return _slow(value, dtype) if tensor is None else tensor


def is_b64(value: Any) -> bool:
    """Whether a value is an object that stands for bytes: exactly `{"b64": "<string>"}`."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def decode_b64(value: Any) -> bytes:
    """The bytes of such an object. Raises InvalidArgument."""
    if not is_b64(value):
        raise InvalidArgument(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    decoded = _strictly(value["b64"]) if len(value["b64"]) % 4 == 0 else None
    if decoded is None:
        decoded = _leniently(value["b64"])
    if decoded is None:
        raise InvalidArgument("Unable to base64 decode")
    return decoded


def _strictly(text: str) -> bytes | None:
    try:
        return pybase64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _leniently(text: str) -> bytes | None:
    """As absl::Base64Unescape: white space is skipped, padding is optional, and dots are padding too."""
    dense = _WHITE_SPACE.sub("", text)
    data = dense.rstrip("=.")
    padding, expected = len(dense) - len(data), -len(data) % 4
    return _strictly(data + "=" * expected) if padding in (0, expected) and expected < 3 else None  # noqa: PLR2004


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_b64(value)


# -- the two forms


def _columns(value: Any, dtypes: Mapping[str, str]) -> dict[str, Array]:
    if not _is_object(value):
        if len(dtypes) != 1:
            raise InvalidArgument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        return {alias: tensor_from_json(value, dtype) for alias, dtype in dtypes.items()}
    for alias in sorted(dtypes):
        if alias not in value:
            raise InvalidArgument(f"Missing named input: {alias} in 'inputs' object.")
    return {alias: tensor_from_json(value[alias], dtype) for alias, dtype in sorted(dtypes.items())}


def _rows(document: Mapping[str, Any], rows: Any, dtypes: Mapping[str, str]) -> dict[str, Array]:
    if not isinstance(rows, list):
        raise InvalidArgument(f"JSON Value: {shown(document)} Expecting 'instances' to be an list/array")
    if not rows:
        raise InvalidArgument(f"JSON Value: {shown(document)} No values in 'instances' array")
    named = _is_object(rows[0])
    if not named and len(dtypes) != 1:
        raise InvalidArgument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    columns = _by_name(rows, dtypes) if named else _plain(rows, dtypes)
    tensors = {alias: _fast(column, dtypes[alias]) for alias, column in columns.items()}
    if len(columns) < len(dtypes) or any(tensor is None for tensor in tensors.values()):
        return _checked_rows(rows, dtypes, named=named)
    return {alias: tensor for alias, tensor in tensors.items() if tensor is not None}


def _plain(rows: list[Any], dtypes: Mapping[str, str]) -> dict[str, list[Any]]:
    return dict.fromkeys(dtypes, rows)


def _by_name(rows: list[Any], dtypes: Mapping[str, str]) -> dict[str, list[Any]]:
    """The rows' values by alias; empty if any row has other keys, which the checked way then words."""
    if any(not isinstance(row, dict) or row.keys() != dtypes.keys() for row in rows):
        return {}
    return {alias: [row[alias] for row in rows] for alias in dtypes}


def _checked_rows(rows: list[Any], dtypes: Mapping[str, str], *, named: bool) -> dict[str, Array]:
    """Element by element, in upstream's order, so that the first thing wrong is the one that is said."""
    elements: dict[str, list[Array]] = {alias: [] for alias in dtypes}
    for index, row in enumerate(rows):
        if named:
            _add_object(index, row, dtypes, elements)
        else:
            if _is_object(row):
                raise InvalidArgument(f"Expecting value/list but got object at item {index} of input list")
            _add(f"{index}", next(iter(dtypes)), row, dtypes, elements)
    return {alias: np.stack(values) for alias, values in elements.items()}


def _add_object(index: int, row: Any, dtypes: Mapping[str, str], elements: dict[str, list[Array]]) -> None:
    if not _is_object(row):
        raise InvalidArgument(f"Expecting object but got list at item {index} of input list")
    for key, value in row.items():
        _add(f"{index} key: {key}", key, value, dtypes, elements)
    if row.keys() != dtypes.keys():
        raise InvalidArgument(
            f"Failed to process element: {index} of 'instances' list. JSON object: {shown(row)} keys must be equal to: "
            f"{','.join(sorted(dtypes))}"
        )


def _add(where: str, alias: str, value: Any, dtypes: Mapping[str, str], elements: dict[str, list[Array]]) -> None:
    try:
        if alias not in dtypes:
            raise InvalidArgument(f"JSON object: does not have named input: {alias}")
        tensor = tensor_from_json(value, dtypes[alias])
        if elements[alias]:
            _check_same(elements[alias][0], tensor)
        elements[alias].append(tensor)
    except ServingError as error:
        raise InvalidArgument(
            f"Failed to process element: {where} of 'instances' list. Error: {error.status()}"
        ) from None


def _check_same(first: Array, tensor: Array) -> None:
    if first.size != tensor.size:
        raise InvalidArgument(f"Expecting tensor size: {first.size} but got: {tensor.size}")
    if first.shape != tensor.shape:
        raise InvalidArgument(f"Expecting shape {_shape(first)} but got: {_shape(tensor)}")


def _shape(tensor: Array) -> str:
    return f"[{','.join(map(str, tensor.shape))}]"


# -- one tensor, the quick way


def _fast(value: Any, dtype: str) -> Array | None:
    """The tensor if the value is regular and of the right types, else None."""
    shape: list[int] = []
    leaves = [value]
    while leaves and type(leaves[0]) is list:
        if set(map(type, leaves)) != {list} or len(set(map(len, leaves))) != 1:
            return None
        if len(shape) == MAX_RANK:
            raise InvalidArgument(f"JSON Value: {shown(value)} is nested deeper than {MAX_RANK} levels")
        shape.append(len(leaves[0]))
        leaves = list(chain.from_iterable(leaves))
    return _flat(leaves, set(map(type, leaves)), dtype, shape)


def _flat(leaves: list[Any], types: set[type], dtype: str, shape: list[int]) -> Array | None:
    if dtype in FLOATS and types <= {int, float}:
        return _numbers(leaves, FLOATS[dtype], shape)
    if dtype in INTEGERS and types <= {int}:
        numpy_dtype, (low, high) = INTEGERS[dtype]
        if leaves and not (low <= min(leaves) and max(leaves) <= high):
            return None
        wide = np.int64 if (low, high) == _INT32 else numpy_dtype
        return np.array(leaves, wide).astype(numpy_dtype).reshape(shape)
    if dtype == "bool" and types <= {bool}:
        return np.array(leaves, np.bool_).reshape(shape)
    if dtype == "string" and types <= {str}:
        encoded = [leaf.encode("utf-8", "surrogateescape") for leaf in leaves]
        return np.array(encoded, dtype=object).reshape(shape)
    return None


def _numbers(leaves: list[Any], numpy_dtype: Any, shape: list[int]) -> Array:
    with np.errstate(over="ignore"):  # a float that is too large is infinite, as in C++
        return np.array(leaves, np.float64).astype(numpy_dtype).reshape(shape)


# -- one tensor, with its errors


def _slow(value: Any, dtype: str) -> Array:
    shape: list[int] = []
    first = value
    while isinstance(first, list):
        shape.append(len(first))
        if not first:
            break
        first = first[0]
    leaves = [_leaf(leaf, dtype) for leaf in _leaves(value, 0, shape)]
    if dtype == "string":
        flat = np.empty(len(leaves), dtype=object)
        flat[:] = leaves
        return flat.reshape(shape)
    tensor = _flat(leaves, set(map(type, leaves)), dtype, shape)
    if tensor is None:  # no value at all, of a dtype that JSON cannot carry
        raise Unimplemented(f"Conversion of JSON Value: {shown(value)} to type: {dtype}")
    return tensor


def _leaves(value: Any, level: int, shape: list[int]) -> Iterator[Any]:
    if not isinstance(value, list):
        if level != len(shape):
            raise InvalidArgument(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at level: "
                f"{len(shape)}"
            )
        yield value
        return
    if level >= len(shape):
        raise InvalidArgument(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise InvalidArgument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        yield from _leaves(item, level + 1, shape)


def _leaf(value: Any, dtype: str) -> Any:
    """The value if it is one of the dtype. Raises InvalidArgument, Unimplemented."""
    if dtype == "string":
        if isinstance(value, dict):
            return decode_b64(value)
        if isinstance(value, str):
            return value.encode("utf-8", "surrogateescape")
    elif dtype == "bool":
        if isinstance(value, bool):
            return value
    elif dtype in FLOATS:
        if type(value) in (int, float):
            return value
    elif dtype in INTEGERS:
        low, high = INTEGERS[dtype][1]
        if type(value) is int and low <= value <= high:
            return value
    else:
        raise Unimplemented(f"Conversion of JSON Value: {shown(value)} to type: {dtype}")
    raise InvalidArgument(f"JSON Value: {shown(value)} Type: {json_type(value)} is not of expected type: {dtype}")


def json_type(value: Any) -> str:
    """RapidJSON's name of a value's type."""
    if isinstance(value, bool):
        return str(value)
    return _JSON_TYPES.get(type(value), "Number")
