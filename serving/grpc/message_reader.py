"""The one message of a unary request, out of pieces of any size.

Each message is a byte that says whether it is compressed, its length in 4 bytes, and itself.
Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Length-Prefixed-Message"), statuscodes.md.
"""

from __future__ import annotations

import io

from serving.errors import Code, Internal, ServingError, Unimplemented

PREFIX_SIZE = 5


class MessageReader:
    """Memory grows with what was received, whatever the prefix promises.

    Attributes:
      compressed: Whether the message is.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._prefix = b""
        self._body = io.BytesIO()
        self._left = 0
        self.compressed = False

    def feed(self, data: bytes, start: int, stop: int) -> None:
        """Takes data[start:stop]. Raises ServingError for a message too long, and for a second one."""
        if len(self._prefix) < PREFIX_SIZE:
            size = min(PREFIX_SIZE - len(self._prefix), stop - start)
            self._prefix += data[start : start + size]
            start += size
            if len(self._prefix) == PREFIX_SIZE:
                self._read_prefix()
        size = stop - start
        if size > self._left:
            raise Unimplemented("A unary call has one message, this one has more")
        self._left -= size
        self._body.write(memoryview(data)[start:stop])

    def finish(self) -> bytes:
        """The whole message, as sent. Raises ServingError if it is not there."""
        if not self._prefix:
            raise Internal("No payload")
        if self._left or len(self._prefix) < PREFIX_SIZE:
            raise Internal("The message ends before its length")
        # The buffer itself, without a copy.
        return self._body.getvalue()

    def _read_prefix(self) -> None:
        flag = self._prefix[0]
        if flag > 1:
            raise Internal(f"Bad GRPC frame type 0x{flag:02x}")
        self.compressed = bool(flag)
        self._left = int.from_bytes(self._prefix[1:], "big")
        if self._left > self._max_bytes:
            raise ServingError(
                f"SERVER: Received message larger than max ({self._left} vs. {self._max_bytes})",
                Code.RESOURCE_EXHAUSTED,
            )
