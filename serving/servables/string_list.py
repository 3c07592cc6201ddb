"""A list of strings as bytes: all lengths as varints, then all the bytes, as in a string tensor's `tensor_content`.

Source: EncodeStringList, DecodeStringList in tsl/platform/coding.cc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MORE = 0x80
_LOW_BITS = 0x7F
# A varint of 32 bits has at most 5 bytes.
_MAX_SHIFT = 28


def encode(values: Iterable[bytes]) -> bytes:
    """The strings as one run of bytes."""
    lengths, rest = bytearray(), []
    for value in values:
        length = len(value)
        while length >= _MORE:
            lengths.append(length & _LOW_BITS | _MORE)
            length >>= 7
        lengths.append(length)
        rest.append(value)
    return bytes(lengths) + b"".join(rest)


def decode(content: bytes, count: int) -> list[bytes]:
    """The `count` strings. Raises ValueError when the bytes are not exactly those of so many strings."""
    if count > len(content):
        raise ValueError(f"{len(content)} bytes of content for {count} strings")
    ends: list[int] = []
    position = 0
    for _ in range(count):
        length, position = _varint(content, position)
        ends.append((ends[-1] if ends else 0) + length)
    if position + ends[-1] != len(content):
        raise ValueError(f"{len(content) - position} bytes for strings of {ends[-1]}")
    starts = [0, *ends[:-1]]
    return [content[position + start : position + end] for start, end in zip(starts, ends, strict=True)]


def _varint(content: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, _MAX_SHIFT + 1, 7):
        if position >= len(content):
            break
        byte = content[position]
        position += 1
        value |= (byte & _LOW_BITS) << shift
        if byte < _MORE:
            return value, position
    raise ValueError("a string's length is cut off")
