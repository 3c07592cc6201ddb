"""Tensors to JSON, byte for byte as upstream writes a predict answer. Pure.

Source: TF Serving util/json_tensor.cc at 2.20.0 with RapidJSON v1.1.0's PrettyWriter, indent 4.
"""

from __future__ import annotations

import base64
import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import InvalidArgument
from serving.rest.json_text import quoted
from serving.servables import dtypes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Array = NDArray[Any]
_INDENT = "    "
_NO_PREDICTIONS = '{\n    "predictions": []\n}'
_FLOAT32 = struct.Struct("f")
# Fewer are printed one by one.
_MIN_TOGETHER = 48
# More would keep other threads waiting: 2 ms.
_MAX_TOGETHER = 4096
# Digits that a float32 needs at most, and that are tried first.
_DIGITS, _FEW_DIGITS = 9, 6
# More than half the distance between two float32, relative and for subnormal ones.
_STEP, _LEAST_STEP = 1.1 * 2.0**-24, 1e-44
_SPECIAL = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def predictions(tensors: Mapping[str, Array]) -> str:
    """The row form, `{"predictions": [...]}`: the tensors cut along dimension 0. Raises InvalidArgument."""
    (text,) = predictions_together(tensors, 1)
    return text


def predictions_together(tensors: Mapping[str, Array], count: int) -> list[str]:
    """The row form of each of `count` equal shares of the rows. Raises InvalidArgument."""
    step = _batch_size(tensors) // count
    if len(tensors) == 1:
        ((alias, tensor),) = tensors.items()
        rows, comma = _row_texts(alias, tensor, 2), ", "
    else:
        columns = {alias: _row_texts(alias, tensor, 3) for alias, tensor in sorted(tensors.items())}
        rows = [f"\n{_INDENT * 2}{_object(dict(zip(columns, row)), 2)}" for row in zip(*columns.values())]  # noqa: B905
        comma = ","
    if not step:
        return [_NO_PREDICTIONS] * count
    shares = [comma.join(rows[at : at + step]) for at in range(0, step * count, step)]
    return [f'{{\n    "predictions": [{share}\n    ]\n}}' for share in shares]


def outputs(tensors: Mapping[str, Array]) -> str:
    """The column form, `{"outputs": ...}`: one tensor, or an object of several. Raises InvalidArgument."""
    around = 1 if len(tensors) == 1 else 2
    values = {alias: _values(alias, tensor, around + tensor.ndim) for alias, tensor in sorted(tensors.items())}
    return _outputs({alias: _lines(values[alias], tensors[alias].shape, around) for alias in values})


def outputs_together(tensors: Mapping[str, Array], count: int) -> list[str]:
    """The column form of each of `count` equal shares of the rows, of which there are some. Raises InvalidArgument."""
    if count == 1:
        return [outputs(tensors)]
    around = 1 if len(tensors) == 1 else 2
    shares: list[dict[str, str]] = [{} for _ in range(count)]
    for alias, tensor in sorted(tensors.items()):
        values = _values(alias, tensor, around + tensor.ndim)
        shape, size = (len(tensor) // count, *tensor.shape[1:]), len(values) // count
        for index, texts in enumerate(shares):
            texts[alias] = _lines(values[index * size : (index + 1) * size], shape, around)
    return [_outputs(texts) for texts in shares]


def _outputs(texts: Mapping[str, str]) -> str:
    body = next(iter(texts.values())) if len(texts) == 1 else _object(texts, 1)
    return f'{{\n    "outputs": {body}\n}}'


def classification_results(results: Sequence[Sequence[tuple[str, float]]]) -> str:
    """`{"results": [[["label", 0.7], ...], ...]}`."""
    rows = (", ".join(f"[{quoted(label)}, {float_text(score)}]" for label, score in row) for row in results)
    return f'{{\n    "results": [{", ".join(f"[{row}]" for row in rows)}\n    ]\n}}'


def regression_results(results: Sequence[float]) -> str:
    """`{"results": [3.5, 4.0]}`, the list on one line."""
    return f'{{\n    "results": [{", ".join(map(float_text, results))}]\n}}'


def float_text(value: float) -> str:
    """A float32: 6 digits if they read back equal, else 9; `.0` if it would look like an integer."""
    long = f"{value:.9g}"
    digits = long.lstrip("-0.")
    # All nine of a number below 1. Half a step between two float32 is at most 60 of the ninth digit's units, so six
    # digits that are further away than that read back as another number, and need not be tried.
    if len(digits) == _DIGITS and "061" <= digits[_FEW_DIGITS:] <= "939" and digits.isdigit() and "." in long:
        return long
    if len(long) <= _FEW_DIGITS:  # the same text
        return _pointed(long)
    short = f"{value:.6g}"
    return _pointed(short if _FLOAT32.unpack(_FLOAT32.pack(float(short)))[0] == value else long)


def float_texts(values: Array) -> list[str]:
    """The same for many.

    Most floats that a model gives need 9 digits; those that surely do are found by arithmetic, and printed together.
    """
    if values.size < _MIN_TOGETHER:
        return list(map(float_text, values.tolist()))
    if values.size > _MAX_TOGETHER:
        pieces = (values[start : start + _MAX_TOGETHER] for start in range(0, values.size, _MAX_TOGETHER))
        return [text for piece in pieces for text in float_texts(piece)]
    numbers = values.tolist()
    texts = ("%.9g " * len(numbers) % tuple(numbers)).split()
    unsure = np.flatnonzero(~_surely_long(values)).tolist()
    for index in unsure:
        texts[index] = float_text(numbers[index])
    return texts


def _surely_long(values: Array) -> NDArray[np.bool_]:
    """Which of many float32 are no integers, and differ from their 6 digits by more than half a step.

    Zero, NaN and infinities come out as NaN, so not.
    """
    with np.errstate(all="ignore"):  # a signalling NaN complains even when it is widened
        wide = values.astype(np.float64)
        sizes = np.abs(wide)
        scale = np.power(10.0, 5 - np.floor(np.log10(sizes)))
        differences = np.abs(np.rint(wide * scale) / scale - wide)
        return np.asarray((differences > sizes * _STEP + _LEAST_STEP) & (wide != np.floor(wide)), np.bool_)


def double_text(value: float) -> str:
    """A float64: 6 digits if they read back equal, else 17."""
    short = f"{value:.6g}"
    return _pointed(short if float(short) == value else f"{value:.17g}")


def _pointed(text: str) -> str:
    return text if "." in text or "e" in text else _SPECIAL.get(text) or f"{text}.0"


def _object(members: Mapping[str, str], level: int) -> str:
    inner = _INDENT * (level + 1)
    body = ",\n".join(f"{inner}{quoted(alias)}: {text}" for alias, text in members.items())
    return f"{{\n{body}\n{_INDENT * level}}}"


def _batch_size(tensors: Mapping[str, Array]) -> int:
    expected: int | None = None
    for alias, tensor in sorted(tensors.items()):
        if not tensor.shape:
            raise InvalidArgument(f"Tensor name: {alias} has no shape information ")
        if expected is not None and len(tensor) != expected:
            raise InvalidArgument(
                f"Tensor name: {alias} has inconsistent batch size: {len(tensor)} expecting: {expected}"
            )
        expected = len(tensor)
    return expected or 0


def _row_texts(alias: str, tensor: Array, around: int) -> list[str]:
    """The text of each slice along dimension 0, arrays on one line; `around`: how many levels enclose a slice."""
    level = _values(alias, tensor, around + tensor.ndim - 1)
    for index in range(tensor.ndim - 1, 0, -1):
        size, count = tensor.shape[index], math.prod(tensor.shape[:index])
        level = [f"[{', '.join(level[i * size : (i + 1) * size])}]" for i in range(count)]
    return level


def _lines(values: list[str], shape: Sequence[int], level: int) -> str:
    """Nested arrays with every element on a line of its own."""
    if not shape:
        return values[0]
    if not shape[0]:
        return "[]"
    step = len(values) // shape[0]
    items = (_lines(values[i * step : (i + 1) * step], shape[1:], level + 1) for i in range(shape[0]))
    inner = _INDENT * (level + 1)
    return "[" + ",".join(f"\n{inner}{item}" for item in items) + f"\n{_INDENT * level}]"


def _values(alias: str, tensor: Array, around: int) -> list[str]:
    """Every element's text, in row-major order; `around`: how many levels enclose an element."""
    if tensor.dtype == np.float32:
        return float_texts(tensor.ravel())
    write = _writer(alias, tensor, around)
    return [write(value) for value in tensor.ravel().tolist()]


def _writer(alias: str, tensor: Array, around: int) -> Callable[[Any], str]:
    if tensor.dtype == np.float64:
        return double_text
    if tensor.dtype == np.bool_:
        return lambda value: "true" if value else "false"
    if tensor.dtype.kind in "iu" and tensor.dtype.isbuiltin:
        return str
    if tensor.dtype == object:
        if alias.endswith("_bytes"):
            return lambda value: _object({"b64": quoted(base64.b64encode(value).decode())}, around)
        return lambda value: quoted(value.decode("utf-8", "surrogateescape"))
    known = dtypes.of_array(tensor)
    name = known.name if known else tensor.dtype
    raise InvalidArgument(f"Failed to write JSON value for tensor type: {name}")
