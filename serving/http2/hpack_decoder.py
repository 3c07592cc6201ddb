"""Header blocks to headers, several times as fast as the hpack package, whose Huffman decoder and static table it uses.

Source: RFC 7541.
"""

from __future__ import annotations

from collections import deque

from hpack import HPACKDecodingError, OversizedHeaderListError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

Field = tuple[bytes, bytes]

_STATIC = ((b"", b""), *HeaderTable.STATIC_TABLE)
_STATIC_SIZE = len(_STATIC)
_FIELD_OVERHEAD = 32
_MAX_TABLE_SIZE = 4096
_MAX_SHIFT = 28
_MAX_KEPT = 1024
_SHORT = 64
_texts: dict[bytes, bytes] = {}


class HpackDecoder:
    """One connection's table, of the default size.

    Args:
      max_list_size: The largest header list decoded, names and values and 32 bytes each.
      max_kept: What of it is kept; headers beyond that are decoded, so that the table stays in step, and dropped.

    Attributes:
      changes: Grows with every change of the table.
      list_size: Of the last block's list, whatever was kept of it.
    """

    def __init__(self, max_list_size: int, max_kept: int | None = None) -> None:
        self.changes = 0
        self.list_size = 0
        self._max_list_size = max_list_size
        self._max_kept = max_list_size if max_kept is None else min(max_kept, max_list_size)
        self._most_dropped = max_list_size - self._max_kept
        self._entries: deque[Field] = deque()
        self._size = 0
        self._max_size = _MAX_TABLE_SIZE

    def decode(self, block: bytes) -> list[Field]:
        """The headers of a block. Raises HPACKError or IndexError; the table is of no use then."""
        headers: list[Field] = []
        at, end, left = 0, len(block), self._max_kept
        while at < end:
            first = block[at]
            if first & 0x80:
                index, at = (first & 0x7F, at + 1) if first < 0xFF else _integer(block, at, 0x7F)  # noqa: PLR2004
                field = _STATIC[index] if 0 < index < _STATIC_SIZE else self._entry(index)
            elif first & 0x60 == 0x20:  # noqa: PLR2004 - 001: RFC 7541, section 6.3
                if headers:
                    raise HPACKDecodingError("the table changes its size inside of a block")
                size, at = _integer(block, at, 0x1F)
                self._resize(size)
                continue
            else:
                field, at = self._literal(block, at, 0x3F if first & 0x40 else 0x0F)
                if first & 0x40:
                    self._add(field)
            left -= len(field[0]) + len(field[1]) + _FIELD_OVERHEAD
            if left >= 0:
                headers.append(field)
            elif -left > self._most_dropped:
                raise OversizedHeaderListError(f"headers of more than {self._max_list_size} bytes")
        self.list_size = self._max_kept - left
        return headers

    def _entry(self, index: int) -> Field:
        if 0 < index < _STATIC_SIZE:
            return _STATIC[index]
        place = index - _STATIC_SIZE
        if not 0 <= place < len(self._entries):
            raise HPACKDecodingError(f"there is no entry {index}")
        return self._entries[place]

    def _literal(self, block: bytes, at: int, mask: int) -> tuple[Field, int]:
        index, at = _integer(block, at, mask)
        if index:
            name = self._entry(index)[0]
        else:
            name, at = _string(block, at)
        value, at = _string(block, at)
        return (name, value), at

    def _add(self, field: Field) -> None:
        self.changes += 1
        self._entries.appendleft(field)
        self._size += len(field[0]) + len(field[1]) + _FIELD_OVERHEAD
        self._evict()

    def _resize(self, size: int) -> None:
        if size > _MAX_TABLE_SIZE:
            raise HPACKDecodingError(f"a table of {size} bytes")
        self.changes += 1
        self._max_size = size
        self._evict()

    def _evict(self) -> None:
        while self._size > self._max_size:
            name, value = self._entries.pop()
            self._size -= len(name) + len(value) + _FIELD_OVERHEAD


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """An integer that begins in the low bits of block[at], and where it ends."""
    value = block[at] & mask
    at += 1
    if value < mask:
        return value, at
    for shift in range(0, _MAX_SHIFT, 7):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
    raise HPACKDecodingError("an integer of more than 28 bits")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    is_packed = block[at] & 0x80
    size, at = _integer(block, at, 0x7F)
    stop = at + size
    if stop > len(block):
        raise HPACKDecodingError("a string goes beyond its block")
    text = block[at:stop]
    return (_unpacked(text) if is_packed else text), stop


def _unpacked(packed: bytes) -> bytes:
    """Huffman's code undone; the same names come again and again."""
    text = _texts.get(packed)
    if text is None:
        text = bytes(decode_huffman(packed))
        if len(packed) < _SHORT:
            if len(_texts) >= _MAX_KEPT:
                _texts.clear()
            _texts[packed] = text
    return text
