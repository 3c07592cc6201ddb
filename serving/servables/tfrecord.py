"""read_records: the records of a TFRecord file, checked.

Per record: length <uint64>, its masked crc32c <uint32>, the bytes, their masked crc32c <uint32>; little endian.
Source: tensorflow/core/lib/io/record_reader.cc at 2.20.0, with its texts.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import google_crc32c

from serving.errors import DataLoss

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEADER_BYTES = 12
_CRC_BYTES = 4
_MAX_LENGTH = 2**64 - 1 - _CRC_BYTES


def read_records(path: Path) -> Iterator[bytes]:
    """One record after the other; a header that is cut off is taken for the end, as upstream does.

    Raises: DataLoss for a record that is truncated or fails its checksum; OSError.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        while size - (offset := file.tell()) >= _HEADER_BYTES:
            header = _checked(file.read(_HEADER_BYTES), offset)
            (length,) = struct.unpack("<Q", header)
            if length >= _MAX_LENGTH:
                raise DataLoss("record size too large")
            if length + _CRC_BYTES > size - file.tell():
                raise DataLoss(f"truncated record at {offset}' failed with Read less bytes than requested")
            yield _checked(file.read(length + _CRC_BYTES), offset + _HEADER_BYTES)


def _checked(data: bytes, offset: int) -> bytes:
    """Without the checksum behind it."""
    body = data[:-_CRC_BYTES]
    if struct.pack("<I", _masked(google_crc32c.value(body))) != data[-_CRC_BYTES:]:
        raise DataLoss(f"corrupted record at {offset}{'' if offset else ' (Is this even a TFRecord file?)'}")
    return body


def _masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
