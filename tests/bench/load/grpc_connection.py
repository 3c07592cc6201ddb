"""One gRPC connection of the load client: HTTP/2 by hand, one call at a time, so that it costs less than any server.

It keeps to the protocol where a server could tell: flow control in both directions, settings, pings, and HPACK with its
dynamic table, whose blocks are decoded once and remembered until the table changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpack import Decoder, Encoder

from tests.bench.load import http2_frames as h2
from tests.bench.load.errors import BadAnswer

if TYPE_CHECKING:
    from tests.bench.load.expectation import Expectation

_TOP_UP = 2**29
_LAST_STREAM = 2**31 - 1


def call_headers(path: str, authority: str) -> list[tuple[str, str]]:
    """What a gRPC client sends ahead of a unary call."""
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", authority),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "shipway-bench"),
        ("grpc-accept-encoding", "identity, deflate, gzip"),
    ]


class GrpcConnection:
    """The same unary call again and again: `outgoing` is what is still to be sent."""

    def __init__(self, path: str, authority: str, message: bytes, expectation: Expectation) -> None:
        encoder = Encoder()
        headers = call_headers(path, authority)
        self._blocks = [encoder.encode(headers), encoder.encode(headers)]
        self._message = b"\0" + len(message).to_bytes(4, "big") + message
        self._expectation = expectation
        self._decoder = Decoder()
        self._known: dict[bytes, dict[bytes, bytes]] = {}
        self._window = h2.DEFAULT_WINDOW
        self._initial_window = h2.DEFAULT_WINDOW
        self._stream_window = 0
        self._frame_size = h2.DEFAULT_FRAME
        self._stream = -1
        self._sent = len(self._message)
        self._consumed = 0
        self._received = b""
        self._answer = b""
        values = {h2.ENABLE_PUSH: 0, h2.INITIAL_WINDOW_SIZE: h2.LARGEST_WINDOW}
        self.outgoing: bytes | memoryview = (
            h2.PREFACE + h2.settings(values) + h2.window_update(0, h2.LARGEST_WINDOW - h2.DEFAULT_WINDOW)
        )

    def ask(self) -> None:
        """Puts the next call into `outgoing`, as far as the server's windows allow."""
        if self._stream >= _LAST_STREAM:
            raise BadAnswer("the connection has no stream numbers left", fatal=True)
        self._stream += 2
        block = self._blocks[self._stream > 1]
        self._sent = 0
        self._answer = b""
        self._stream_window = self._initial_window
        head = h2.frame(h2.HEADERS, h2.END_HEADERS, self._stream, block)
        self.outgoing = b"".join([self.outgoing, head, *self._data()])

    def receive(self, data: bytes) -> bool:
        """Takes bytes; True when they end an answer.

        Raises:
            BadAnswer: the call did not end with OK and the right message.
        """
        if self._received:
            data = self._received + data
        start, size, ended, failure = 0, len(data), False, None
        while size - start >= 9:
            end = start + 9 + (data[start] << 16 | data[start + 1] << 8 | data[start + 2])
            if end > size:
                break
            try:
                stream = int.from_bytes(data[start + 5 : start + 9], "big")
                ended |= self._frame(data[start + 3], data[start + 4], stream, data[start + 9 : end])
            except BadAnswer as error:
                failure = error
            start = end
        self._received = data[start:]
        if failure:
            raise failure
        return ended

    def _data(self) -> list[bytes]:
        frames, total = [], len(self._message)
        while self._sent < total and (size := min(self._window, self._stream_window, self._frame_size)) > 0:
            part = self._message[self._sent : self._sent + size]
            self._sent += len(part)
            self._window -= len(part)
            self._stream_window -= len(part)
            frames.append(h2.frame(h2.DATA, h2.END_STREAM if self._sent == total else 0, self._stream, part))
        return frames

    def _send(self, *frames: bytes) -> None:
        self.outgoing = b"".join([self.outgoing, *frames])

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> bool:
        if kind == h2.DATA:
            self._credit(len(payload))
            self._answer += h2.without_padding(flags, payload)
            return False
        if kind == h2.HEADERS:
            return self._headers(flags, payload)
        self._control(kind, flags, stream, payload)
        return False

    def _headers(self, flags: int, payload: bytes) -> bool:
        if not flags & h2.END_HEADERS:
            raise BadAnswer(
                "the server continues its headers in a second frame, which this client cannot read", fatal=True
            )
        headers = self._decode(h2.without_padding(flags, payload))
        if not flags & h2.END_STREAM:
            return False
        if headers.get(b"grpc-status") != b"0":
            raise BadAnswer(f"the call ended with {headers}")
        size = int.from_bytes(self._answer[1:5], "big")
        if self._answer[:1] != b"\0" or len(self._answer) != size + 5:
            raise BadAnswer(f"the answer is no whole message: {self._answer[:100]!r}")
        self._expectation.check(self._answer[5:])
        return True

    def _decode(self, block: bytes) -> dict[bytes, bytes]:
        known = self._known.get(block)
        if known is None:
            before = list(self._decoder.header_table.dynamic_entries)
            known = dict(self._decoder.decode(block, raw=True))
            if before != list(self._decoder.header_table.dynamic_entries):
                self._known.clear()
            else:
                self._known[block] = known
        return known

    def _credit(self, size: int) -> None:
        self._consumed += size
        if self._consumed > _TOP_UP:
            self._send(h2.window_update(0, self._consumed))
            self._consumed = 0

    def _control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == h2.SETTINGS and not flags & h2.ACK:
            self._settings(h2.read_settings(payload))
        elif kind == h2.WINDOW_UPDATE:
            self._credited(stream, int.from_bytes(payload, "big"))
        elif kind == h2.PING and not flags & h2.ACK:
            self._send(h2.frame(h2.PING, h2.ACK, 0, payload))
        elif kind == h2.GOAWAY:
            raise BadAnswer(f"the server ends the connection: {payload!r}", fatal=True)
        elif kind == h2.RST_STREAM:
            raise BadAnswer(f"the server reset the stream with code {int.from_bytes(payload, 'big')}")

    def _credited(self, stream: int, increment: int) -> None:
        if stream == 0:
            self._window += increment
        elif stream == self._stream:
            self._stream_window += increment
        if self._sent < len(self._message):
            self._send(*self._data())

    def _settings(self, values: dict[int, int]) -> None:
        initial = values.get(h2.INITIAL_WINDOW_SIZE, self._initial_window)
        self._stream_window += initial - self._initial_window
        self._initial_window = initial
        self._frame_size = values.get(h2.MAX_FRAME_SIZE, self._frame_size)
        self._send(h2.frame(h2.SETTINGS, h2.ACK, 0), *self._data())
