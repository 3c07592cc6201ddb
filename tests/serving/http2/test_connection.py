"""What a connection does, without a socket."""

import struct
from dataclasses import replace

import pytest

from serving.http2 import frames
from serving.http2.errors import ErrorCode
from serving.http2.limits import Limits

GOODBYE = b"goodbye?"


def test_a_request_in_one_read_is_handed_up_whole(peer):
    """Headers, body, end; one stream."""
    peer.send(peer.request(1, body=b"hello"))

    (stream,) = peer.streams
    assert (b"hello", ("head", "completed")) == (stream.body, stream.events)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_request_may_come_in_pieces_of_any_size(make_peer, size):
    """Down to a byte at a time, preface included."""
    peer = make_peer(greet=False)
    data = frames.PREFACE + frames.settings_frame({}) + peer.request(1, body=bytes(range(256))) + peer.request(3)

    for at in range(0, len(data), size):
        peer.send(data[at : at + size])

    assert [bytes(range(256)), b""] == [stream.body for stream in peer.streams]
    assert ["completed"] * 2 == [stream.events[-1] for stream in peer.streams]


def test_all_requests_of_a_read_are_taken_in_before_one_is_completed(peer):
    """So that whoever batches sees them all."""
    seen = []
    peer.connection._make_stream = lambda *arguments: _Counting(seen, peer, *arguments)

    peer.send(*(peer.request(number, body=b"x") for number in (1, 3, 5)))

    assert [3, 3, 3] == seen


def test_an_answer_that_fits_is_one_piece_of_output(peer, answer):
    """HEADERS, DATA, HEADERS with END_STREAM; the stream is forgotten."""
    head, trailers = answer
    peer.send(peer.request(1, body=b"x"))

    assert peer.connection.sender.respond(peer.streams[0], head, (b"12345", b"message"), 12, trailers)
    assert [
        (frames.HEADERS, frames.END_HEADERS, 1, head),
        (frames.DATA, 0, 1, b"12345message"),
        (frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, trailers),
    ] == peer.heard()
    assert {} == peer.connection.streams


def test_a_stream_gets_no_more_than_its_window(make_peer, answer):
    """The rest follows WINDOW_UPDATEs, by as much as they say."""
    peer = make_peer(settings={frames.INITIAL_WINDOW_SIZE: 10})
    head, trailers = answer
    peer.send(peer.request(1, body=b"x"))

    assert not peer.connection.sender.respond(peer.streams[0], head, (b"0123456789abcdef",), 16, trailers)
    first = peer.heard()
    peer.send(frames.window_update_frame(1, 5))
    second = peer.heard()
    peer.send(frames.window_update_frame(1, 5))

    assert b"0123456789" == first[-1][3]
    assert [b"abcde"] == [payload for _, _, _, payload in second]
    assert [b"f", trailers] == [payload for _, _, _, payload in peer.heard()]
    assert "sent" == peer.streams[0].events[-1]


def test_a_window_made_smaller_by_settings_holds_back_what_waits(make_peer, answer):
    """Below zero, even; it must be made good first."""
    peer = make_peer(settings={frames.INITIAL_WINDOW_SIZE: 10})
    head, trailers = answer
    peer.send(peer.request(1, body=b"x"))
    peer.connection.sender.respond(peer.streams[0], head, (bytes(20),), 20, trailers)
    peer.heard()

    peer.send(frames.settings_frame({frames.INITIAL_WINDOW_SIZE: 0}), frames.window_update_frame(1, 10))
    held = peer.kinds()
    peer.send(frames.window_update_frame(1, 10))

    assert [frames.SETTINGS] == held
    assert [frames.DATA, frames.HEADERS] == peer.kinds()


def test_streams_that_wait_for_the_connections_window_take_turns(peer, answer):
    """Two large answers come interleaved, and no more than the window."""
    head, trailers = answer
    peer.send(peer.request(1), peer.request(3), *(frames.window_update_frame(n, 1 << 20) for n in (1, 3)))
    peer.heard()
    for stream in peer.streams:
        peer.connection.sender.respond(stream, head, (bytes(60_000),), 60_000, trailers)

    data = [(stream, len(payload)) for kind, _, stream, payload in peer.heard() if kind == frames.DATA]

    assert frames.DEFAULT_WINDOW == sum(size for _, size in data)
    assert [1, 3, 1, 3] == [stream for stream, _ in data][:4]


def test_a_paused_writer_gets_control_frames_only(peer, answer):
    """Answers wait, and come when it resumes."""
    head, trailers = answer
    peer.send(peer.request(1))
    peer.connection.sender.paused = True
    peer.connection.sender.respond(peer.streams[0], head, (b"x",), 1, trailers)
    peer.send(frames.frame(frames.PING, 0, 0, bytes(8)))

    assert [frames.HEADERS, frames.PING] == peer.kinds()
    peer.connection.sender.paused = False
    assert [frames.DATA, frames.HEADERS] == peer.kinds()


def test_windows_are_widened_while_a_large_body_comes(make_peer):
    """Both the stream's and the connection's, before they are shut."""
    limits = replace(Limits(), stream_window=100_000, connection_window=100_000)
    peer = make_peer(limits)
    peer.send(peer.request(1, ends=False))
    left = {0: 100_000, 1: 100_000}
    for _ in range(100):
        peer.send(frames.frame(frames.DATA, 0, 1, bytes(10_000)))
        for kind, _, number, payload in peer.heard():
            assert kind == frames.WINDOW_UPDATE
            left[number] += struct.unpack(">L", payload)[0]
        left = {number: window - 10_000 for number, window in left.items()}
        assert all(40_000 <= window <= 100_000 for window in left.values())

    assert 1_000_000 == len(peer.streams[0].body)


@pytest.mark.parametrize(("window", "code"), [("stream_window", None), ("connection_window", 3)])
def test_data_beyond_a_window_is_an_error(make_peer, window, code):
    """Of the stream, or of the connection."""
    limits = replace(Limits(), stream_window=1 << 20, connection_window=1 << 20)
    peer = make_peer(replace(limits, **{window: 65_535}))
    parts = [frames.frame(frames.DATA, 0, 1, bytes(16_000)) for _ in range(5)]
    peer.connection._receive_half = -(1 << 30)
    peer.connection._widen_stream = lambda _stream: True

    if window == "connection_window":
        peer.connection._receive_half = 0
    else:
        parts[-1] = frames.frame(frames.DATA, 1, 1, bytes(16_000))
    peer.send(peer.request(1, ends=False), *parts)

    if code is None:
        assert [(frames.RST_STREAM, 0, 1, struct.pack(">L", ErrorCode.FLOW_CONTROL_ERROR))] == peer.heard()
    else:
        assert code == peer.error()
    assert "closed" == peer.streams[0].events[-1]


def test_streams_beyond_the_limit_are_refused_and_the_others_live(make_peer):
    """REFUSED_STREAM, which clients may send again."""
    peer = make_peer(replace(Limits(), max_concurrent_streams=2))

    peer.send(*(peer.request(number) for number in (1, 3, 5)))

    assert [(frames.RST_STREAM, 0, 5, struct.pack(">L", ErrorCode.REFUSED_STREAM))] == peer.heard()
    assert 2 == len(peer.streams)


def test_a_client_that_only_resets_is_shut_out(make_peer):
    """CVE-2023-44487; the allowance is for whoever cancels many calls at once."""
    peer = make_peer(replace(Limits(), reset_burst=100, resets_per_s=0))

    for number in range(1, 401, 2):
        peer.send(peer.request(number), frames.reset_frame(number, ErrorCode.CANCEL))

    assert ErrorCode.ENHANCE_YOUR_CALM == peer.error()
    assert 101 == len(peer.streams)


def test_a_client_that_makes_the_server_reset_is_shut_out_too(make_peer):
    """CVE-2025-8671: here by WINDOW_UPDATEs of 0."""
    peer = make_peer(replace(Limits(), reset_burst=100, resets_per_s=0))

    for number in range(1, 401, 2):
        peer.send(peer.request(number, ends=False), frames.window_update_frame(number, 0))

    assert ErrorCode.ENHANCE_YOUR_CALM == peer.error()


@pytest.mark.parametrize("part", [b"", b"\x00\x01a\x01b"])
def test_continuation_frames_have_an_end(peer, part):
    """Empty or not (VU#421644)."""
    head = frames.frame(frames.HEADERS, 0, 1, b"\x83")
    peer.send(head, *(frames.frame(frames.CONTINUATION, 0, 1, part) for _ in range(100)))

    assert ErrorCode.ENHANCE_YOUR_CALM == peer.error()


def test_a_header_bomb_ends_the_connection(peer):
    """A table entry of 4 kB that is referred to a thousand times."""
    bomb = b"\x40\x01a" + b"\x7f\xa1\x1e" + b"x" * 4000 + b"\xbe" * 1000
    peer.send(frames.frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, bomb))

    assert ErrorCode.ENHANCE_YOUR_CALM == peer.error()


@pytest.mark.parametrize(
    "frame",
    [
        frames.frame(frames.PRIORITY, 0, 9, bytes(5)),
        frames.settings_frame({}),
        frames.frame(99, 0, 0, b"unknown"),
        frames.window_update_frame(0, 1),
        frames.frame(frames.DATA, 0, 1, b""),
    ],
)
def test_frames_that_carry_nothing_have_an_end(make_peer, frame):
    """Acknowledged or not."""
    peer = make_peer(replace(Limits(), max_idle_frames=1000))

    peer.send(peer.request(1, ends=False), *([frame] * 1500))

    assert ErrorCode.ENHANCE_YOUR_CALM == peer.error()


def test_pings_that_come_too_fast_end_the_connection(peer):
    """Three of them, as in gRPC core, whose clients know the text."""
    ping = frames.frame(frames.PING, 0, 0, bytes(8))
    peer.send(*([ping] * 4))

    *acknowledged, goaway = peer.heard()
    assert [frames.PING] * 4 == [kind for kind, _, _, _ in acknowledged]
    assert b"too_many_pings" == goaway[3][8:]


def test_pings_between_answers_are_welcome(peer, answer):
    """A client measures its bandwidth by them."""
    head, trailers = answer
    ping = frames.frame(frames.PING, 0, 0, bytes(8))
    for number in range(1, 41, 2):
        peer.send(ping, peer.request(number))
        peer.connection.sender.respond(peer.streams[-1], head, (b"x",), 1, trailers)

    assert peer.error() is None


def test_a_large_answer_may_take_any_number_of_window_updates(make_peer, answer):
    """And pings: a client measures its bandwidth while it reads."""
    peer = make_peer(replace(Limits(), max_idle_frames=100), settings={frames.INITIAL_WINDOW_SIZE: 100})
    head, trailers = answer
    peer.send(peer.request(1))
    peer.connection.sender.respond(peer.streams[0], head, (bytes(50_000),), 50_000, trailers)
    while peer.connection.streams:
        peer.send(frames.window_update_frame(1, 100), frames.frame(frames.PING, 0, 0, bytes(8)))
        assert frames.GOAWAY not in peer.kinds()


def test_a_goodbye_takes_what_is_on_its_way_and_refuses_what_comes_after(peer, answer):
    """GOAWAY with the largest stream, PING; after its echo GOAWAY with the last one; the end with the last answer."""
    head, trailers = answer
    peer.send(peer.request(1))
    peer.connection.begin_goodbye()
    goodbye = peer.heard()
    peer.send(peer.request(3), frames.frame(frames.PING, frames.ACK, 0, GOODBYE), peer.request(5))
    second = peer.heard()

    assert [frames.GOAWAY, frames.PING] == [kind for kind, _, _, _ in goodbye]
    assert frames.MAX_WINDOW == struct.unpack(">L", goodbye[0][3][:4])[0]
    assert [(frames.GOAWAY, 3)] == [(kind, struct.unpack(">L", payload[:4])[0]) for kind, _, _, payload in second]
    assert 2 == len(peer.streams)
    for stream in peer.streams:
        assert not peer.connection.is_over
        peer.connection.sender.respond(stream, head, (b"x",), 1, trailers)
    assert peer.connection.is_over


def test_an_answer_before_the_end_of_the_request_asks_for_no_more(peer, answer):
    """RST_STREAM with NO_ERROR; what is on its way is no error."""
    peer.send(peer.request(1, ends=False))
    peer.connection.sender.respond_without_body(peer.streams[0], answer[1])
    peer.send(frames.frame(frames.DATA, 1, 1, b"late"))

    assert [frames.HEADERS, frames.RST_STREAM] == peer.kinds()


def test_a_frame_too_large_is_refused_before_it_is_there(peer):
    """Its header is enough."""
    peer.send(frames.pack_frame_header(16_385 << 8 | frames.SETTINGS, 0, 0))

    assert ErrorCode.FRAME_SIZE_ERROR == peer.error()


def test_another_protocol_is_told_so(make_peer):
    """HTTP/1.1, here."""
    peer = make_peer(greet=False)
    peer.send(b"GET / HTTP/1.1\r\n\r\n")

    assert ErrorCode.PROTOCOL_ERROR == peer.error()


def test_a_lost_connection_tells_every_stream(peer):
    """And takes nothing more."""
    peer.send(peer.request(1), peer.request(3, ends=False))
    peer.connection.lost()
    peer.send(peer.request(5))

    assert ["closed", "closed"] == [stream.events[-1] for stream in peer.streams]


def _Counting(seen, peer, *arguments):  # noqa: N802 - makes a stream, as a class would
    stream = type(peer._make(*arguments))(*arguments)
    peer.streams[-1] = stream
    stream.completed = lambda: seen.append(len(peer.streams))
    return stream
