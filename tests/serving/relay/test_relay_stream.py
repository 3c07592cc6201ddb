"""The two ends of a stream, in one loop: requests go up, answers come down, and either end's fault ends it."""

import asyncio
import contextlib
import json
import math
import socket
import time

import pytest

from serving import event_loop
from serving.errors import Code, InvalidArgument
from serving.exchange import HttpRequest, HttpResponse
from serving.relay.frame_writer import MAX_UNSENT_BYTES
from serving.relay.relay_client import RelayClient
from serving.relay.relay_protocol import Kind, frame_header, pack_headers
from serving.relay.relay_server import RelayServer


class Call:
    """A transport's RpcCall."""

    def __init__(self, method, message=b"", deadline=None, metadata=()):
        self.method, self.message, self.deadline, self.metadata = f"/t.Test/{method}", message, deadline, metadata
        self.cancelled = False
        self.answer = asyncio.get_running_loop().create_future()

    def reply(self, message, trailing_metadata=()):
        """OK."""
        self.answer.set_result((Code.OK, message, trailing_metadata))

    def fail(self, code, message, trailing_metadata=()):
        """An error."""
        self.answer.set_result((code, message, trailing_metadata))


class Methods:
    """What the main process answers with; calls of `Hold` are kept."""

    def __init__(self):
        self.held = asyncio.Queue()
        self.ticks = []

    def lookup(self, method):
        """By the last part of the path."""
        return getattr(self, method.removeprefix("/t.Test/"), None)

    def Echo(self, call):  # noqa: N802
        """Message and metadata."""
        call.reply(call.message, call.metadata)
        call.reply(b"twice")

    def Fail(self, call):  # noqa: N802
        """Any text."""
        call.fail(Code.NOT_FOUND, "no \u00e9 \ud800", ((b"why", b""),))

    def Raise(self, call):  # noqa: N802
        """A bug."""
        raise InvalidArgument(call.message.decode())

    def Left(self, call):  # noqa: N802
        """Seconds left."""
        call.reply(repr(None if call.deadline is None else call.deadline - time.monotonic()).encode())

    def Hold(self, call):  # noqa: N802
        """Later."""
        self.held.put_nowait(call)

    def Big(self, call):  # noqa: N802
        """Many bytes."""
        call.reply(bytes(int(call.message)))

    def http(self, request, answer):
        """What came; in a piece."""
        if request.target == b"/bug":
            raise ValueError(request.target)
        headers = [(b"method", request.method.encode()), (b"target", request.target), *request.headers]
        answer(HttpResponse(207, headers, request.body))


class Ends:
    """Both, connected."""

    def __init__(self, server, client, methods, lost):
        self.server, self.client, self.methods, self.lost = server, client, methods, lost

    def call(self, method, *args):
        """Sends a call as a transport does; it waits for its answer."""
        call = Call(method, *args)
        self.client.lookup(call.method)(call)
        return call


@contextlib.asynccontextmanager
async def connected():
    """Both ends of a socket pair."""
    loop, methods = asyncio.get_running_loop(), Methods()
    lost = {"server": asyncio.Event(), "client": asyncio.Event()}
    ours, theirs = socket.socketpair()
    settings = json.dumps({"known": 1}).encode()
    transport, server = await loop.create_unix_connection(
        lambda: RelayServer(methods.lookup, methods.http, settings, lost["server"].set), sock=ours
    )
    other, client = await loop.create_unix_connection(lambda: RelayClient(lost["client"].set), sock=theirs)
    client.methods = frozenset(f"/t.Test/{name}" for name in ("Echo", "Fail", "Raise", "Left", "Hold", "Big", "None"))
    assert {"known": 1} == await client.settings
    yield Ends(server, client, methods, lost)
    transport.abort()
    other.abort()
    await asyncio.gather(*(event.wait() for event in lost.values()))


def on_a_loop(test):
    """Runs the test as the server's loop would, with a limit."""

    def run():
        async def limited():
            async with connected() as ends:
                await asyncio.wait_for(test(ends), 60)

        event_loop.run(limited())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@on_a_loop
async def test_an_rpc_and_its_answer(ends):
    """Message and metadata both ways; the first answer counts."""
    metadata = ((b"a", b"1"), (b"b-bin", b"\x00\xff"))

    assert (Code.OK, b"hello", metadata) == await ends.call("Echo", b"hello", None, metadata).answer
    assert (Code.OK, b"", ()) == await ends.call("Echo").answer


@on_a_loop
async def test_errors_of_rpcs(ends):
    """A status, a bug, a method that only the main process does not know, one that nobody knows."""
    assert (Code.NOT_FOUND, "no \u00e9 ?", ((b"why", b""),)) == await ends.call("Fail").answer
    assert (Code.INVALID_ARGUMENT, "bad", ()) == await ends.call("Raise", b"bad").answer
    assert (Code.UNIMPLEMENTED, "", ()) == await ends.call("None").answer
    assert ends.client.lookup("/t.Test/Other") is None


@on_a_loop
async def test_deadlines_pass(ends):
    """As seconds that are left."""
    left = float((await ends.call("Left", b"", time.monotonic() + 100).answer)[1])

    assert 0 < left <= 100
    assert b"None" == (await ends.call("Left").answer)[1]


@on_a_loop
async def test_a_cancelled_call_is_told(ends):
    """Its answer comes to nobody."""
    call = ends.call("Hold")
    above = await ends.methods.held.get()
    call.cancelled = True
    while not above.cancelled:  # noqa: ASYNC110 - it is told over the stream
        await asyncio.sleep(0.01)
    above.reply(b"late")

    assert b"x" == (await ends.call("Echo", b"x").answer)[1]
    assert not call.answer.done()


@on_a_loop
async def test_an_http_request_and_its_answer(ends):
    """Method, target, headers, status and body."""
    answer = asyncio.get_running_loop().create_future()
    ends.client.http(HttpRequest("POST", b"/v1/x?y", ((b"a", b"b"),), b"body"), answer.set_result)

    headers = ((b"method", b"POST"), (b"target", b"/v1/x?y"), (b"a", b"b"))
    assert HttpResponse(207, headers, b"body") == await answer


@on_a_loop
async def test_a_bug_above_is_a_500(ends):
    """And the stream goes on."""
    answer = asyncio.get_running_loop().create_future()
    ends.client.http(HttpRequest("GET", b"/bug", (), b""), answer.set_result)

    assert 500 == (await answer).status
    assert b"x" == (await ends.call("Echo", b"x").answer)[1]


@on_a_loop
async def test_big_messages(ends):
    """Between small ones, and in order."""
    big = bytes(range(256)) * (30 << 12)
    calls = [ends.call("Echo", message) for message in (b"a", big, b"b", big, b"")]

    assert [b"a", big, b"b", big, b""] == [(await call.answer)[1] for call in calls]


@on_a_loop
async def test_requests_wait_while_answers_are_not_taken(ends):
    """Then they go on; nothing is lost and nothing piles up."""
    ends.client._transport.pause_reading()
    size = MAX_UNSENT_BYTES
    calls = [ends.call("Big", b"%d" % size) for _ in range(8)]
    while ends.server._transport.is_reading():  # noqa: ASYNC110 - until the answers fill the stream
        await asyncio.sleep(0.01)
    held = ends.call("Hold")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(ends.methods.held.get(), 0.2)
    ends.client._transport.resume_reading()

    assert {size} == {len((await call.answer)[1]) for call in calls}
    (await ends.methods.held.get()).reply(b"now")
    assert b"now" == (await held.answer)[1]


@on_a_loop
async def test_requests_beyond_the_limit_are_refused(ends):
    """When the main process does not take those before them."""
    ends.client.max_waiting_bytes = 2 * MAX_UNSENT_BYTES
    ends.server._transport.pause_reading()
    calls = [ends.call("Echo", bytes(MAX_UNSENT_BYTES)) for _ in range(6)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    answer = asyncio.get_running_loop().create_future()
    ends.client.http(HttpRequest("POST", b"/", (), b""), answer.set_result)

    assert Code.RESOURCE_EXHAUSTED == (await ends.call("Echo").answer)[0]
    assert 503 == (await answer).status
    ends.server._transport.resume_reading()
    assert {Code.OK} == {(await call.answer)[0] for call in calls}


@on_a_loop
async def test_a_transport_process_that_vanishes_cancels_its_calls(ends):
    """Answers to it are dropped."""
    ends.call("Hold")
    above = await ends.methods.held.get()
    ends.client._transport.abort()
    await ends.lost["server"].wait()
    above.reply(b"late")

    assert above.cancelled
    assert ends.server.listening.cancelled()


GARBAGE = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    frame_header(Kind.REPLY),
    frame_header(Kind.RPC),
    frame_header(Kind.RPC, head_size=2) + b"xx",
    frame_header(Kind.HTTP, head_size=len(pack_headers((), b"GET"))) + pack_headers((), b"GET"),
    frame_header(Kind.CANCEL, seconds=math.nan),
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_transport_process_that_is_not_understood_is_dropped(garbage):
    """Its stream ends, which ends it."""

    @on_a_loop
    async def run(ends):
        """The client's end says what no client says."""
        ends.client._transport.write(garbage)
        await ends.lost["server"].wait()
        await ends.lost["client"].wait()

    run()


@pytest.mark.parametrize("garbage", [b"x" * 100, frame_header(Kind.RPC), frame_header(Kind.SETTINGS)])
def test_a_main_process_that_is_not_understood_ends_the_other(garbage):
    """The second settings too."""

    @on_a_loop
    async def run(ends):
        """The server's end says what no server says."""
        ends.server._transport.write(garbage)
        await ends.lost["client"].wait()

    run()


@on_a_loop
async def test_an_end_within_a_frame_is_an_end(ends):
    """Nobody waits for the rest."""
    ends.client._transport.write(frame_header(Kind.RPC, body_size=100))
    ends.client._transport.write_eof()
    await ends.lost["server"].wait()
