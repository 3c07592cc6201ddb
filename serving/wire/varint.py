"""Base-128 varints, one and many at a time. Source: https://protobuf.dev/programming-guides/encoding/#varints."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_MAX_BYTES = 10
_SEVEN_BITS = 0x7F
_BOUNDS = np.array([1 << (7 * index) for index in range(1, _MAX_BYTES)], np.uint64)


def encode_varint(value: int) -> bytes:
    """The shortest form of an integer in [0, 2^64)."""
    out = bytearray()
    while value > _SEVEN_BITS:
        out.append(value & _SEVEN_BITS | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_length(message: bytes, position: int) -> tuple[int, int]:
    """The length at `position` and where it ends.

    Raises: ValueError for more than five bytes or an incomplete one, so that the caller asks protobuf.
    """
    value = shift = 0
    for byte in message[position : position + 5]:
        position += 1
        value |= (byte & _SEVEN_BITS) << shift
        if byte <= _SEVEN_BITS:
            return value, position
        shift += 7
    raise ValueError("a length without an end")


def pack_varints(values: Array) -> bytes:
    """Every integer of <int, uint or bool>[n], negative ones sign-extended to 64 bits, as protobuf packs them."""
    unsigned = values if values.dtype == np.uint64 else values.astype(np.int64).view(np.uint64)
    widths = np.searchsorted(_BOUNDS, unsigned, side="right") + 1
    ends = np.cumsum(widths)
    owner = np.repeat(np.arange(unsigned.size), widths)
    index = np.arange(owner.size) - (ends - widths)[owner]
    out = ((unsigned[owner] >> (7 * index).astype(np.uint64)) & np.uint64(_SEVEN_BITS)).astype(np.uint8)
    more = np.full(out.size, 0x80, np.uint8)
    more[ends - 1] = 0
    out |= more
    return bytes(out)


def unpack_varints(packed: bytes) -> Array:
    """What pack_varints packed: <uint64>[n], two's complement where negative.

    Raises: ValueError for what is no run of whole varints of at most 64 bits.
    """
    raw = np.frombuffer(packed, np.uint8)
    ends = np.flatnonzero(raw <= _SEVEN_BITS) + 1
    if not ends.size or ends[-1] != raw.size:
        raise ValueError("an incomplete varint")
    widths = np.diff(ends, prepend=0)
    longest = int(widths.max())
    if longest > _MAX_BYTES or (longest == _MAX_BYTES and raw[ends[widths == _MAX_BYTES] - 1].max() > 1):
        raise ValueError("a varint of more than 64 bits")
    starts = ends - widths
    values = np.zeros(ends.size, np.uint64)
    for index in range(longest):
        live = np.flatnonzero(widths > index)
        byte = raw[starts[live] + index].astype(np.uint64)
        values[live] |= (byte & np.uint64(_SEVEN_BITS)) << np.uint64(7 * index)
    return values
