"""What is inside of a HEADERS frame, and header blocks that go on in CONTINUATION frames.

Source: RFC 9113, sections 6.1, 6.2, 6.3 and 6.10.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from serving.http2 import frames
from serving.http2.errors import ConnectionFailure, ErrorCode

if TYPE_CHECKING:
    from serving.http2.limits import Limits

PRIORITY_SIZE = 5


@dataclass
class OpenBlock:
    """A header block of which more may come.

    Attributes:
      ends: Whether the request ends with it.
      self_dependent: Whether its stream is said to depend on itself.
    """

    stream_id: int
    ends: bool
    self_dependent: bool
    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, part: bytes, limits: Limits) -> None:
        """Takes the next part. Raises ConnectionFailure when it becomes too large, or too many parts."""
        self.parts.append(part)
        self.size += len(part)
        if self.size > limits.max_header_block or len(self.parts) > limits.max_continuations:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, f"a header block of {self.size} bytes or more")


def open_block(flags: int, stream_id: int, payload: bytes) -> tuple[OpenBlock, bytes]:
    """The block that a HEADERS frame begins, and its first part. Raises ConnectionFailure."""
    start, stop = unpadded(payload, flags)
    self_dependent = False
    if flags & frames.PRIORITIZED:
        if stop - start < PRIORITY_SIZE:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "HEADERS without its priority")
        self_dependent = depends_on(payload, start) == stream_id
        start += PRIORITY_SIZE
    return OpenBlock(stream_id, bool(flags & frames.END_STREAM), self_dependent), payload[start:stop]


def unpadded(payload: bytes, flags: int) -> tuple[int, int]:
    """Where a payload starts and stops within its padding. Raises ConnectionFailure."""
    if not flags & frames.PADDED:
        return 0, len(payload)
    if not payload or payload[0] >= len(payload):
        raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "padding larger than its frame")
    return 1, len(payload) - payload[0]


def depends_on(payload: bytes, at: int) -> int:
    """The stream that the priority at payload[at] names."""
    return int.from_bytes(payload[at : at + 4], "big") & frames.MAX_WINDOW
