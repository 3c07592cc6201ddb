"""ChunkedBody: takes a body that comes in chunks out of the bytes of a connection. Pure.

Source: RFC 9112, section 7.1. Strict: lines end in CRLF; extensions and trailers are skipped, and bounded.
"""

from __future__ import annotations

import re

from serving.rest.http_head import MAX_HEAD_BYTES, Refused

_MAX_LINE_BYTES = 4096
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\x00]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\x00]*")


class ChunkedBody:
    """Fed until it is `complete`; `body` is what came so far."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.complete = False
        self._pending = b""
        self._missing = 0  # of the current chunk's data
        self._trailer_bytes = 0
        self._take = self._size

    def feed(self, data: bytes) -> bytes:
        """Takes what belongs to the body; returns the bytes after its end. Raises Refused when malformed."""
        data, self._pending = self._pending + data, b""
        at = 0
        while not self.complete and at < len(data):
            at = self._data(data, at) if self._missing else self._line(data, at)
        return data[at:]

    def _data(self, data: bytes, at: int) -> int:
        end = min(at + self._missing, len(data))
        self.body += data[at:end]
        self._missing -= end - at
        return end

    def _line(self, data: bytes, at: int) -> int:
        end = data.find(b"\r\n", at, at + _MAX_LINE_BYTES)
        if end >= 0:
            self._take(data[at:end])
            return end + 2
        if len(data) - at >= _MAX_LINE_BYTES:
            raise Refused(400)
        self._pending = data[at:]
        return len(data)

    def _size(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line)
        if not match:
            raise Refused(400)
        self._missing = int(match[1], 16)
        self._take = self._end_of_data if self._missing else self._trailer

    def _end_of_data(self, line: bytes) -> None:
        if line:
            raise Refused(400)
        self._take = self._size

    def _trailer(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        self.complete = not line
        if line and (not _TRAILER.fullmatch(line) or self._trailer_bytes > MAX_HEAD_BYTES):
            raise Refused(400)
