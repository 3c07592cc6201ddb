"""Whatever a peer sends, a connection goes on, resets a stream or says goodbye; it never raises."""

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from serving.http2 import frames
from serving.http2.header_encoder import encode_headers

HEAD = encode_headers([(b":status", b"200")])
TRAILERS = encode_headers([(b"grpc-status", b"0")])
REQUEST = encode_headers([(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/s/m"), (b"te", b"trailers")])


def request(number, body):
    """A whole request."""
    head = frames.frame(frames.HEADERS, frames.END_HEADERS, number, REQUEST)
    return head + frames.frame(frames.DATA, frames.END_STREAM, number, body)


NUMBERS = st.sampled_from([0, 1, 2, 3, 5, 7, 2**31 - 1, 2**32 - 1])
BLOCKS = st.one_of(st.just(REQUEST), st.binary(max_size=60))
PAYLOADS = st.one_of(
    BLOCKS,
    st.binary(max_size=20),
    st.sampled_from([bytes(8), bytes(4), bytes(5), struct.pack(">HL", 4, 0), struct.pack(">HL", 4, 2**31 - 1)]),
    st.integers(0, 40_000).map(bytes),
)
FRAMES = st.builds(
    frames.frame, st.integers(0, 12), st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 4, 5])), NUMBERS, PAYLOADS
)
GOOD = st.builds(request, st.integers(0, 20).map(lambda n: 2 * n + 1), st.binary(max_size=40))
STREAMS = st.lists(st.one_of(FRAMES, GOOD, st.binary(max_size=30)), max_size=25)


@settings(max_examples=400, deadline=None)
@given(STREAMS, st.integers(1, 100_000), st.booleans())
def test_frames_at_random(make_peer, parts, size, answers):
    """In pieces of any size, with and without answers in between."""
    peer = make_peer()
    data = b"".join(parts)
    for at in range(0, len(data), size):
        peer.send(data[at : at + size])
        if answers:
            answer_all(peer)
        check(peer)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_bytes_at_random(make_peer, data, greet):
    """From the first byte on, or after the greeting."""
    peer = make_peer(greet=greet)
    peer.send(data)
    check(peer)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_good_bytes_with_a_few_changed(make_peer, data):
    """One to five bytes of a valid conversation."""
    whole = bytearray(b"".join(request(2 * n + 1, bytes(30)) for n in range(5)))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    peer = make_peer()
    peer.send(bytes(whole))
    answer_all(peer)
    check(peer)


def answer_all(peer):
    """Answers every stream that is whole."""
    for stream in list(peer.connection.streams.values()):
        if stream.remote_closed and stream.unsent is None:
            peer.connection.sender.respond(stream, HEAD, (b"12345", bytes(20_000)), 20_005, TRAILERS)


def check(peer):
    """What it wrote is frames; it is over if and only if the last says GOAWAY; nothing is held that is over."""
    was_over = getattr(peer, "was_over", False)
    said = [kind for kind, _, _, _ in peer.heard()]
    connection = peer.connection
    peer.was_over = connection.is_over
    assert (connection.is_over and not was_over) == (frames.GOAWAY in said)
    assert said.index(frames.GOAWAY) == len(said) - 1 if frames.GOAWAY in said else True
    assert not (connection.is_over and connection.streams)

    assert len(connection._rest) <= frames.FRAME_HEADER_SIZE + connection.limits.max_frame_size
