"""Requests that come too slowly, by a clock of the test's own."""

import pytest

from serving.body_clock import BodyClock
from serving.http2 import frames
from serving.http2.errors import ErrorCode
from serving.http2.limits import Limits
from serving.http2.slow_bodies import SlowBodies


@pytest.fixture
def watched(make_peer):
    """A connection of which ten bytes in ten seconds are asked, and what passes a stretch with so many bytes more."""
    limits = Limits(body_s=10.0, min_body_bytes=10)
    peer, slow = make_peer(limits), SlowBodies(limits, 0.0)
    now = received = 0

    def stretch(came):
        nonlocal now, received
        received += came
        for _ in range(10):
            now += 1
            slow.check(peer.connection, received, float(now))

    return peer, stretch


def data(number, size):
    """A piece of a body."""
    return frames.frame(frames.DATA, 0, number, b"x" * size)


def test_a_stream_without_progress_is_reset_after_a_whole_stretch(watched):
    """Not one that began within it."""
    peer, stretch = watched
    peer.send(peer.request(1, ends=False), data(1, 500))
    stretch(0)
    assert {1} == set(peer.connection.streams)
    stretch(0)

    assert not peer.connection.streams
    assert not peer.connection.is_over
    assert (frames.RST_STREAM, 0, 1, b"\0\0\0\x08") in peer.heard()


def test_a_stream_with_little_progress_goes_on(watched):
    """For as long as it likes; so does one that waits for its answer."""
    peer, stretch = watched
    peer.send(peer.request(1, ends=False), peer.request(3))
    for _ in range(20):
        peer.send(data(1, 10))
        stretch(0)

    assert {1, 3} == set(peer.connection.streams)


def test_a_stream_that_its_client_lets_wait_for_others_is_waited_for(watched):
    """While the connection brings enough for both."""
    peer, stretch = watched
    peer.send(peer.request(1, ends=False), peer.request(3, ends=False))
    for _ in range(5):
        peer.send(data(3, 20))
        stretch(20)
    assert {1, 3} == set(peer.connection.streams)
    peer.send(data(3, 19))
    stretch(19)

    assert {3} == set(peer.connection.streams)


@pytest.mark.parametrize("part", [b"\0\0\x09\x01", frames.frame(frames.HEADERS, 0, 1, b"\x83")])
def test_headers_that_do_not_come_to_an_end_are_not_waited_for(watched, part):
    """Neither a frame nor a block of several."""
    peer, stretch = watched
    peer.send(part)
    stretch(5)
    assert not peer.connection.is_over
    stretch(5)

    assert ErrorCode.ENHANCE_YOUR_CALM == peer.error()


def test_time_in_which_nobody_looked_is_not_the_clients():
    """The loop was busy."""
    clock = BodyClock(10.0, 0.0)

    assert not clock.is_over(1000.0)
    assert [clock.is_over(1000.0 + second) for second in range(1, 9)] == [False] * 7 + [True]
    assert not clock.is_over(1009.0)
