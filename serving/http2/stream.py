"""One request and its response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving.http2.errors import ErrorCode

if TYPE_CHECKING:
    from serving.http2.connection import Connection
    from serving.http2.request_head import RequestHead


class Stream:
    """What a connection knows of a stream; a layer above adds the hooks.

    Attributes:
      receive_left: Bytes that the client may still send.
      send_left: Bytes that may be sent to the client; below 0 after it made its window smaller.
      remote_closed: The request is whole.
      body_left: Bytes of body still to come, if the request's headers say so.
      unsent: What is held back of the response's body.
      unsent_size: Its size.
      trailers: The header block that follows it.
    """

    body_left: int | None = None
    unsent: list[memoryview] | None = None
    unsent_size = 0
    trailers = b""

    def __init__(self, connection: Connection, stream_id: int, receive_left: int, send_left: int) -> None:
        self.connection = connection
        self.id = stream_id
        self.receive_left = receive_left
        self.send_left = send_left
        self.remote_closed = False

    def head_received(self, head: RequestHead) -> None:
        """The request's headers are there; its body may follow."""

    def data_received(self, data: bytes, start: int, stop: int) -> None:
        """data[start:stop] is the next piece of the body."""

    @property
    def received(self) -> int:
        """How many bytes of the body have come; the layer that takes them counts them."""
        return 0

    def too_slow(self) -> None:
        """The rest of the request is not waited for: whatever is answered ends the stream."""
        self.connection.reset(self, ErrorCode.CANCEL)

    def completed(self) -> None:
        """The request is whole, and everything that was read together with it is taken in."""

    def closed(self) -> None:
        """The client took the request back or broke the protocol, or the connection is gone."""

    def sent(self) -> None:
        """The last of a response that had to wait is on its way."""
