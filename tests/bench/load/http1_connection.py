"""One kept-alive HTTP/1.1 connection of the load client, one request at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.load.errors import BadAnswer

if TYPE_CHECKING:
    from tests.bench.load.expectation import Expectation


def post(path: str, body: bytes, authority: str) -> bytes:
    """A whole request with a JSON body."""
    head = f"POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


class Http1Connection:
    """The same request again and again: `outgoing` is what is still to be sent."""

    def __init__(self, request: bytes, expectation: Expectation) -> None:
        self.outgoing: bytes | memoryview = b""
        self._request = request
        self._expectation = expectation
        self._received = b""

    def ask(self) -> None:
        """Puts the next request into `outgoing`."""
        self.outgoing = self._request

    def receive(self, data: bytes) -> bool:
        """Takes bytes; True when they end an answer.

        Raises:
            BadAnswer: it is not a 200 with the right body.
        """
        if self._received:
            data = self._received + data
        head_end = data.find(b"\r\n\r\n")
        end = -1 if head_end < 0 else body_end(data, head_end)
        if end < 0:
            self._received = data
            return False
        self._received = b""
        if data[9:12] != b"200":
            status, body = data[: data.index(b"\r\n")], data[head_end + 4 :]
            raise BadAnswer(f"{status!r}, {body[:200]!r}", fatal=b"connection: close" in data[:head_end].lower())
        self._expectation.check(body_of(data, head_end))
        return True


def body_end(data: bytes, head_end: int) -> int:
    """Where the answer ends, or -1 while it has not; by Content-Length or the last chunk."""
    length = content_length(data[:head_end].lower())
    if length is None:
        return len(data) if data.endswith(b"\r\n0\r\n\r\n") else -1
    end = head_end + 4 + length
    return end if len(data) >= end else -1


def content_length(head: bytes) -> int | None:
    """The length that a head in lower case gives, or None for a chunked body."""
    start = head.find(b"\r\ncontent-length:")
    if start < 0:
        return None
    stop = head.find(b"\r\n", start + 2)
    return int(head[start + 17 : stop if stop > 0 else len(head)])


def body_of(data: bytes, head_end: int) -> bytes:
    """The body of a whole answer; its chunks joined."""
    if content_length(data[:head_end].lower()) is not None:
        return data[head_end + 4 :]
    body, rest = b"", data[head_end + 4 :]
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        body += rest[:length]
        rest = rest[length + 2 :] if length else b""
    return body
