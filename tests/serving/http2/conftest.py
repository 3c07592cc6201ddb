"""The client's half of HTTP/2, as bytes, against a Connection without any socket."""

import struct

import pytest

from serving.http2 import frames
from serving.http2.connection import Connection
from serving.http2.header_encoder import encode_headers
from serving.http2.limits import Limits
from serving.http2.stream import Stream

REQUEST = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/s/m"),
    (b":authority", b"localhost"),
    (b"content-type", b"application/grpc"),
    (b"te", b"trailers"),
)
ANSWER = encode_headers([(b":status", b"200")])
TRAILERS = encode_headers([(b"grpc-status", b"0")])


class Recorded(Stream):
    """Remembers what its hooks were told."""

    body = b""
    events = ()

    def head_received(self, head):
        """Remembers."""
        self.events = (*self.events, "head")
        self.headers = head.headers

    def data_received(self, data, start, stop):
        """Remembers."""
        self.body += data[start:stop]

    @property
    def received(self):
        """All that it remembers."""
        return len(self.body)

    def completed(self):
        """Remembers."""
        self.events = (*self.events, "completed")

    def closed(self):
        """Remembers."""
        self.events = (*self.events, "closed")

    def sent(self):
        """Remembers."""
        self.events = (*self.events, "sent")


class Peer:
    """A connection, its streams in the order in which they came, and what it says."""

    def __init__(self, limits=None, settings=(), *, greet=True):
        self.streams = []
        self.wakes = 0
        self.connection = Connection(self._make, limits or Limits(), self._wake)
        if greet:
            self.send(frames.PREFACE, frames.settings_frame(dict(settings)))
            self.heard()

    def _make(self, *arguments):
        self.streams.append(Recorded(*arguments))
        return self.streams[-1]

    def _wake(self):
        self.wakes += 1

    def send(self, *parts):
        """The connection receives these bytes at once."""
        self.connection.receive(b"".join(parts))

    def written(self):
        """What it wants to write, all of it."""
        sender, found = self.connection.sender, b""
        sender.fill(1 << 16)
        while sender.output:
            found += b"".join(sender.output)
            sender.output.clear()
            sender.fill(1 << 16)
        return found

    def heard(self):
        """The same as frames: (type, flags, stream, payload)."""
        return list(split(self.written()))

    def kinds(self):
        """The types of the frames that it said."""
        return [kind for kind, _, _, _ in self.heard()]

    def request(self, number, headers=REQUEST, body=b"", *, ends=True):
        """The bytes of a request."""
        block = encode_headers(headers)
        head = frames.frame(frames.HEADERS, frames.END_HEADERS | (ends and not body), number, block)
        return head + (frames.frame(frames.DATA, int(ends), number, body) if body else b"")

    def error(self):
        """The code of the GOAWAY that it said, or None."""
        codes = [struct.unpack(">LL", payload[:8])[1] for kind, _, _, payload in self.heard() if kind == frames.GOAWAY]
        return codes[-1] if codes else None


def split(data):
    """Bytes as frames."""
    at = 0
    while at < len(data):
        high, low, kind, flags, stream_id = frames.unpack_frame_header(data, at)
        stop = at + 9 + (high << 8 | low)
        yield kind, flags, stream_id, data[at + 9 : stop]
        at = stop


@pytest.fixture(scope="session")
def make_peer():
    """Peer: (limits, settings, greet) -> Peer."""
    return Peer


@pytest.fixture
def peer():
    """A connection that was greeted."""
    return Peer()


@pytest.fixture
def answer():
    """The header blocks of an answer: head and trailers."""
    return ANSWER, TRAILERS
