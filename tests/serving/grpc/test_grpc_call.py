"""Calls without a socket: whatever comes, each is answered at most once and no byte stays counted."""

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from serving.byte_budget import ByteBudget
from serving.grpc.call_services import CallServices
from serving.grpc.grpc_call import GrpcCall
from serving.http2 import frames
from serving.http2.connection import Connection
from serving.http2.header_encoder import encode_headers
from serving.http2.limits import Limits

FIELDS = {b":method": b"POST", b":scheme": b"http", b":path": b"/echo", b"content-type": b"application/grpc"}
BLOCKS = [
    encode_headers({**FIELDS, **extra}.items())
    for extra in (
        {},
        {b":path": b"/fail"},
        {b":path": b"/raise"},
        {b":path": b"/none"},
        {b"grpc-encoding": b"gzip"},
        {b"grpc-encoding": b"br"},
        {b"content-type": b"text/html"},
        {b"content-length": b"9"},
        {b"x-bin": b"*"},
    )
]
BODIES = st.one_of(
    st.binary(max_size=12),
    st.binary(max_size=9).map(lambda message: b"\0" + len(message).to_bytes(4, "big") + message),
    st.binary(max_size=9).map(lambda message: b"\1" + len(message).to_bytes(4, "big") + message),
    st.just(b"\0\0\0\x27\x10" + bytes(10_000)),
)
NUMBERS = st.sampled_from([1, 3, 5, 7, 9])
STEPS = st.one_of(
    st.builds(frames.frame, st.just(frames.HEADERS), st.sampled_from([4, 5]), NUMBERS, st.sampled_from(BLOCKS)),
    st.builds(frames.frame, st.just(frames.DATA), st.sampled_from([0, 1]), NUMBERS, BODIES),
    st.builds(lambda number: frames.frame(frames.RST_STREAM, 0, number, bytes(4)), NUMBERS),
    st.builds(frames.window_update_frame, st.sampled_from([0, 1, 3]), st.integers(1, 5000)),
)


def respond(call):
    """By the path."""
    if call.method == "/raise":
        raise KeyError("bug")
    if call.method == "/fail":
        call.fail(5, "not there")
    call.reply(call.message)
    call.reply(b"twice")


@settings(max_examples=400, deadline=None)
@given(st.lists(STEPS, max_size=25), st.integers(0, 6000))
def test_calls_at_random(steps, window):
    """Requests whole, half, doubled, reset, refused; answers held back by a small window."""
    services = CallServices(
        {"/echo": respond, "/fail": respond, "/raise": respond}.get,
        max_message_bytes=9_999,
        max_answer_bytes=9_999,
        budget=ByteBudget(30_000),
        max_header_list_size=1 << 14,
    )
    connection = Connection(partial(GrpcCall, services), Limits(), lambda: None)
    connection.receive(frames.PREFACE + frames.settings_frame({frames.INITIAL_WINDOW_SIZE: window}))
    for step in steps:
        connection.receive(step)
        connection.sender.fill(1 << 16)
    assert 0 <= services.budget.held <= services.budget.limit
    connection.lost()

    assert 0 == services.budget.held
