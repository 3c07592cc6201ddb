"""Frames come out as they went in, however they are cut; nothing else is taken for one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.relay.relay_protocol import (
    NEVER,
    Frame,
    FrameReader,
    Kind,
    RelayError,
    frame_header,
    pack_headers,
    pack_strings,
    unpack_headers,
    unpack_strings,
)

FRAMES = st.builds(
    Frame,
    st.sampled_from(Kind),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**16 - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=50),
    st.binary(max_size=200),
)
PAIRS = st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20))).map(tuple)


def written(frame):
    """A frame's bytes."""
    kind, call, code, seconds, head, body = frame
    sizes = {"head_size": len(head), "body_size": len(body)}
    return frame_header(kind, call, code=code, seconds=seconds, **sizes) + head + body


@given(st.lists(FRAMES, max_size=6), st.data())
def test_frames_come_out_as_they_went_in(frames, data):
    """In pieces of any size."""
    raw = b"".join(map(written, frames))
    reader, read, at = FrameReader(), [], 0
    while at < len(raw):
        size = data.draw(st.integers(1, len(raw) - at))
        read += reader.feed(raw[at : at + size])
        at += size
    reader.finish()

    assert frames == read


@given(FRAMES, st.data())
def test_an_end_within_a_frame_is_an_error(frame, data):
    """Wherever it is."""
    raw = written(frame)
    reader = FrameReader()

    assert [] == reader.feed(raw[: data.draw(st.integers(1, len(raw) - 1))])
    with pytest.raises(RelayError, match="within a frame"):
        reader.finish()


@pytest.mark.parametrize(
    "header",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        bytes(100),
        b"\xff" * 100,
        frame_header(Kind.RPC, head_size=(16 << 20) + 1),
        frame_header(Kind.RPC, body_size=(1 << 36) + 1),
        frame_header(Kind.RPC, seconds=math.nan),
    ],
)
def test_what_is_no_frame_is_an_error_at_once(header):
    """It is not waited for."""
    with pytest.raises(RelayError, match="is no frame's header"):
        FrameReader().feed(header)


def test_the_largest_sizes_are_taken():
    """The reader waits for them."""
    assert [] == FrameReader().feed(frame_header(Kind.RPC, head_size=16 << 20, body_size=1 << 36))


@given(PAIRS, st.lists(st.binary(max_size=20), max_size=3))
def test_headers_come_out_as_they_went_in(pairs, before):
    """And what stands before them."""
    assert (before, pairs) == unpack_headers(pack_headers(pairs, *before), len(before))


@given(st.binary(max_size=60))
def test_a_head_of_any_bytes_is_read_or_an_error(raw):
    """What is read would be written the same."""
    try:
        strings = unpack_strings(raw)
    except RelayError:
        return

    assert raw == pack_strings(strings)


@pytest.mark.parametrize(("strings", "before"), [([b"a"], 0), ([b"a"], 2), ([b"a", b"b"], 1)])
def test_strings_that_are_no_pairs_are_an_error(strings, before):
    """A name without a value, a request without a target."""
    with pytest.raises(RelayError, match="are not"):
        unpack_headers(pack_strings(strings), before)


def test_no_deadline_passes():
    """It is the default."""
    assert NEVER == FrameReader().feed(frame_header(Kind.RPC))[0].seconds
