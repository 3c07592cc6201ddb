"""What clients of gRPC may expect, through grpcio's own client."""

import asyncio
import re
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import grpc
import hpack
import pytest
import uvloop

from serving.byte_budget import ByteBudget
from serving.errors import InvalidArgument
from serving.grpc.channel_arguments import TransportArguments
from serving.grpc.grpc_transport import GrpcTransport
from serving.grpc.grpcio_transport import GrpcioTransport
from serving.http2 import frames
from serving.http2.header_encoder import encode_headers
from serving.http2.limits import Limits

ECHO = "/t.Test/Echo"
ECHO_PATH = b"/t.Test/Echo"


def limited(**limits):
    """Arguments for a transport with other limits."""
    return TransportArguments(replace(Limits(), **limits))


def ask(running, method, message=b"", timeout=20, **kwargs):
    """One call on a channel of its own."""
    with running.channel() as channel:
        return channel.unary_unary(f"/t.Test/{method}")(message, timeout=timeout, **kwargs)


def refusal(running, method, message=b"", **kwargs):
    """The error of a call."""
    with pytest.raises(grpc.RpcError) as caught:
        ask(running, method, message, **kwargs)
    return caught.value


@pytest.mark.parametrize("size", [0, 1, 16_379, 16_380, 65_535, 1 << 20])
def test_messages_of_any_size_come_back(any_server, size):
    """Around the sizes of frames and windows, too."""
    message = bytes(index % 251 for index in range(min(size, 1000))) * (size // 1000 + 1)

    assert message[:size] == ask(any_server, "Echo", message[:size])


def test_answers_given_together_are_written_together():
    """Nothing is written before the flush, and nothing is lost when it comes."""

    async def run():
        arrived = asyncio.Queue()
        transport = GrpcTransport({ECHO: arrived.put_nowait}.get)
        await transport.start("127.0.0.1", 0)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{transport.port}") as channel:
            calls = [channel.unary_unary(ECHO)(b"%d" % number) for number in range(3)]
            tasks = [asyncio.ensure_future(call) for call in calls]
            waiting = [await arrived.get() for _ in calls]
            transport.hold()
            for call in waiting:
                call.reply(call.message)
            transport.flush()
            written = await asyncio.gather(*tasks)
        await transport.stop(1)
        return written

    assert [b"0", b"1", b"2"] == asyncio.run(asyncio.wait_for(run(), 30))


@pytest.mark.parametrize("code", range(1, 17))
def test_every_code_arrives_with_its_text_and_metadata(any_server, code):
    """Text that is not ASCII, and none, too."""
    error = refusal(any_server, "Fail", f"{code} größer als 5 %\n".encode())

    assert (code, "größer als 5 %\n") == (error.code().value[0], error.details())
    assert ("why", "asked") in error.trailing_metadata()
    assert "" == refusal(any_server, "Fail", b"%d " % code).details()


def test_a_long_text_is_cut_as_upstream_cuts_it(any_server):
    """At 1024 bytes."""
    assert "x" * 1024 + "...TRUNCATED" == refusal(any_server, "Fail", b"3 " + b"x" * 1025).details()
    assert "x" * 1024 == refusal(any_server, "Fail", b"3 " + b"x" * 1024).details()


def test_a_method_that_is_not_there_is_unimplemented_without_a_word(any_server):
    """As gRPC's C++ servers answer."""
    error = refusal(any_server, "No")

    assert (grpc.StatusCode.UNIMPLEMENTED, "") == (error.code(), error.details())


def test_metadata_goes_both_ways(any_server):
    """Values of -bin names are any bytes."""
    sent = (("x-text", "some text"), ("x-bytes-bin", b"\x00\xff\xfe"), ("x-text", "again"))
    with any_server.channel() as channel:
        answer, call = channel.unary_unary("/t.Test/Metadata").with_call(b"", metadata=sent, timeout=10)

    got = [(b"x-text", b"some text"), (b"x-bytes-bin", b"\x00\xff\xfe"), (b"x-text", b"again")]
    assert sorted(got) == sorted(eval(answer))  # noqa: S307 - our own repr
    assert set(sent) <= set(call.trailing_metadata())


def test_what_a_handler_raises_is_the_status(any_server):
    """And the connection lives on."""
    error = refusal(any_server, "Raise", b"bad tensor")

    assert (grpc.StatusCode.INVALID_ARGUMENT, "bad tensor") == (error.code(), error.details())


@pytest.mark.parametrize("algorithm", [grpc.Compression.Gzip, grpc.Compression.Deflate])
@pytest.mark.parametrize("size", [10, 100, 1 << 20])
def test_compressed_requests_are_understood(any_server, algorithm, size):
    """Small and large."""
    assert bytes(size) == ask(any_server, "Echo", bytes(size), compression=algorithm)


def test_a_deadline_is_seen_by_the_handler_and_kept(any_server):
    """The call is cancelled then."""
    before = time.monotonic()
    error = refusal(any_server, "Hold", timeout=0.3)

    assert any_server.methods.arrived.acquire(timeout=10)
    call = any_server.methods.held.pop()
    assert grpc.StatusCode.DEADLINE_EXCEEDED == error.code()
    assert before < call.deadline < before + 0.6
    any_server.wait_until(lambda: call.cancelled)
    any_server.call(call.reply, b"too late")


def test_a_call_taken_back_is_cancelled(any_server):
    """By RST_STREAM."""
    with any_server.channel() as channel:
        future = channel.unary_unary("/t.Test/Hold").future(b"")
        assert any_server.methods.arrived.acquire(timeout=10)
        call = any_server.methods.held.pop()
        assert not call.cancelled
        future.cancel()
        any_server.wait_until(lambda: call.cancelled)


def test_a_thousand_calls_at_once_on_one_channel(any_server):
    """All are there before any is answered, and all are answered."""
    with any_server.channel() as channel:
        stub = channel.unary_unary("/t.Test/Hold")
        futures = [stub.future(b"%d" % index, timeout=60) for index in range(1000)]
        for _ in futures:
            assert any_server.methods.arrived.acquire(timeout=30)
        calls = any_server.methods.held[:]
        any_server.methods.held.clear()
        any_server.call(lambda: [call.reply(call.message) for call in calls])

        assert [b"%d" % index for index in range(1000)] == [future.result() for future in futures]


def test_sixty_four_megabytes_both_ways(server):
    """In a few seconds."""
    message = bytes(64 << 20)

    assert message == ask(server, "Echo", message, timeout=60)


def test_the_asyncio_client(server):
    """Many calls on one channel."""

    async def run():
        async with grpc.aio.insecure_channel(server.target) as channel:
            stub = channel.unary_unary(ECHO)
            return await asyncio.gather(*(stub(b"%d" % index) for index in range(200)))

    assert [b"%d" % index for index in range(200)] == asyncio.run(run())


def test_keep_alive_pings_of_a_client_are_answered(server):
    """A call outlives several of them; the interval is the client's shortest."""
    options = (("grpc.keepalive_time_ms", 1000), ("grpc.keepalive_timeout_ms", 1000))
    with server.channel(*options) as channel:
        future = channel.unary_unary("/t.Test/Hold").future(b"", timeout=10)
        assert server.methods.arrived.acquire(timeout=10)
        call = server.methods.held.pop()
        threading.Event().wait(1.5)
        server.call(call.reply, b"still here")

        assert b"still here" == future.result()


def test_a_unix_socket_replaces_a_stale_one(start, tmp_path):
    """And is the only way in when the port is 0."""
    path = str(tmp_path / "s")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)
    stale.close()
    with start(GrpcTransport, unix_path=path) as running, grpc.insecure_channel(f"unix:{path}") as channel:
        assert b"hi" == channel.unary_unary(ECHO)(b"hi", timeout=10)
        assert 0 == running.transport.port
    assert not Path(path).exists()


@pytest.mark.parametrize("kind", [GrpcTransport, GrpcioTransport])
def test_a_taken_port_is_refused_in_upstreams_words(server, kind):
    """Two servers must not share one by accident."""
    with pytest.raises(InvalidArgument, match=r"^Failed to BuildAndStart gRPC server$"):
        server.run(kind(lambda _: None).start(None, server.transport.port, None))


@pytest.mark.parametrize("kind", ["own on uvloop", "own on asyncio", "grpcio"])
def test_tls(start, credentials, kind):
    """With a certificate of our own."""
    own = kind != "grpcio"
    options = {"ssl_context": credentials.ssl_context()} if own else {"ssl_config": credentials}
    loop_of = uvloop.new_event_loop if kind == "own on uvloop" else asyncio.new_event_loop
    with start(GrpcTransport if own else GrpcioTransport, loop_of=loop_of, **options) as running:
        roots = grpc.ssl_channel_credentials(credentials.custom_ca.encode())
        target = f"localhost:{running.transport.port}"
        with grpc.secure_channel(target, roots) as channel:
            for size in (0, 3000, 3 << 20):
                assert bytes(size) == channel.unary_unary(ECHO)(bytes(size), timeout=20)


@pytest.mark.parametrize("shows", [True, False])
def test_client_verify_wants_a_certificate(start, credentials, shows):
    """One that the roots know."""
    context = replace(credentials, client_verify=True).ssl_context()
    own = (credentials.server_key.encode(), credentials.server_cert.encode()) if shows else (None, None)
    roots = grpc.ssl_channel_credentials(credentials.custom_ca.encode(), *own)
    with (
        start(GrpcTransport, ssl_context=context) as running,
        grpc.secure_channel(f"localhost:{running.transport.port}", roots) as channel,
    ):
        future = channel.unary_unary(ECHO).future(b"hi", timeout=5)
        assert (future.exception() is None) == shows


def test_a_graceful_stop_answers_what_is_in_flight(start):
    """And takes nothing new; the client learns that it may go elsewhere."""
    with start(GrpcTransport) as running, running.channel() as channel:
        future = channel.unary_unary("/t.Test/Hold").future(b"")
        assert running.methods.arrived.acquire(timeout=10)
        stopping = asyncio.run_coroutine_threadsafe(running.transport.stop(20), running.loop)
        running.call(bool)  # the loop takes things in order, so by now the stop has begun
        assert grpc.StatusCode.UNAVAILABLE == refusal(running, "Echo", timeout=5).code()
        assert not stopping.done()
        running.call(running.methods.held.pop().reply, b"done")

        assert b"done" == future.result(timeout=10)
        stopping.result(timeout=10)


def test_a_stop_waits_no_longer_than_its_grace(start):
    """The call that never ends is cut off."""
    with start(GrpcTransport) as running, running.channel() as channel:
        future = channel.unary_unary("/t.Test/Hold").future(b"")
        assert running.methods.arrived.acquire(timeout=10)
        begun = time.monotonic()
        running.run(running.transport.stop(0.3))

        assert time.monotonic() - begun < 2
        assert grpc.StatusCode.UNAVAILABLE == future.code()
        assert running.methods.held.pop().cancelled


def test_a_message_larger_than_allowed_is_refused(start):
    """Before it is sent, if it is plain; while it is unpacked, if not. An answer, too."""
    with start(
        GrpcTransport, arguments=TransportArguments(max_message_bytes=100_000, max_answer_bytes=100_000)
    ) as running:
        plain = refusal(running, "Echo", bytes(100_001))
        packed = refusal(running, "Echo", bytes(10_000_000), compression=grpc.Compression.Gzip)
        answer = refusal(running, "Big", b"100001")

        assert (grpc.StatusCode.RESOURCE_EXHAUSTED,) * 3 == (plain.code(), packed.code(), answer.code())
        assert "SERVER: Received message larger than max (100001 vs. 100000)" == plain.details()
        assert bytes(100_000) == ask(running, "Echo", bytes(100_000))


@pytest.mark.parametrize("size", [17_000, 60_000, 200_000])
def test_too_much_metadata_fails_its_own_call_alone(start, size):
    """Though it comes in one frame, and others are in flight on the connection."""
    metadata = [(f"key-{number}", "x" * 1000) for number in range(size // 1050)]
    with start(GrpcTransport) as running, running.channel() as channel:
        held = channel.unary_unary("/t.Test/Hold").future(b"", timeout=30)
        assert running.methods.arrived.acquire(timeout=10)
        refused = channel.unary_unary("/t.Test/Echo").future(b"", timeout=10, metadata=metadata)
        assert grpc.StatusCode.RESOURCE_EXHAUSTED == refused.code()
        running.call(running.methods.held.pop().reply, b"answer")

        assert b"answer" == held.result()


@pytest.mark.parametrize("indexed", [True, False])
def test_metadata_is_read_up_to_a_hard_limit_which_ends_the_connection(server, indexed):
    """In CONTINUATIONs; the headers that follow are still understood, though they refer to what was refused."""
    peer = Raw(server.transport.port)
    encoder = hpack.Encoder()
    known = {b":method": b"POST", b":scheme": b"http", b":path": ECHO_PATH, b"content-type": b"application/grpc"}

    def call(number, extra):
        headers = [hpack.NeverIndexedHeaderTuple(*pair) for pair in {**known, **extra}.items()]
        block = encoder.encode({**known, **extra}.items() if indexed else headers)
        return frames.header_frames(number, block, 0, 16_384) + frames.frame(frames.DATA, 1, number, bytes(5))

    peer.send(call(1, {b"x-%d" % n: b"y" * 1000 for n in range(200)}))
    first = peer.answer(1)
    peer.send(call(3, {b"x-199": b"y" * 1000}))

    assert (b"8", b"0") == (first[b"grpc-status"], peer.status(3))
    assert re.fullmatch(rb"received metadata size exceeds limit \(20\d{4} vs. 16384\)", first[b"grpc-message"])
    peer.send(call(5, {b"x-%d" % n: b"z" * 1000 for n in range(300)}))
    assert frames.GOAWAY == list(peer.frames())[-1][0]
    peer.close()


def test_memory_held_for_requests_is_bounded(start):
    """Whoever is beyond it is told to try again; when the others are answered it works."""
    with start(GrpcTransport, budget=ByteBudget(1_000_000)) as running, running.channel() as channel:
        hold = channel.unary_unary("/t.Test/Hold")
        first = hold.future(bytes(600_000), timeout=30)
        assert running.methods.arrived.acquire(timeout=10)
        assert grpc.StatusCode.RESOURCE_EXHAUSTED == refusal(running, "Echo", bytes(600_000)).code()
        running.call(running.methods.held.pop().reply, b"")
        first.result()

        assert 600_000 == len(ask(running, "Echo", bytes(600_000)))
        running.wait_until(lambda: running.transport._services.budget.held == 0)


def test_an_answer_to_someone_who_does_not_read_is_held_once_and_dropped_with_him(start):
    """However large; another is served meanwhile."""
    with start(GrpcTransport) as running:
        peer = Raw(running.transport.port)
        peer.send(frames.settings_frame({frames.INITIAL_WINDOW_SIZE: frames.MAX_WINDOW}))
        peer.send(frames.window_update_frame(0, 1 << 30), peer.call(1, b"50000000", path=b"/t.Test/Big"))
        budget = running.transport._services.budget
        running.wait_until(lambda: budget.held > 40_000_000)
        (protocol,) = running.transport._server.connections
        assert running.call(protocol._transport.get_write_buffer_size) < 1 << 20
        assert b"hi" == ask(running, "Echo", b"hi")
        peer.close()
        running.wait_until(lambda: budget.held == 0)


def test_a_thousand_idle_connections_are_kept(server):
    """And do not stand in the way."""
    peers = [Raw(server.transport.port) for _ in range(1000)]

    assert b"hi" == ask(server, "Echo", b"hi")
    for peer in peers:
        peer.close()


def test_a_client_without_a_preface_is_cut_off(start):
    """However slowly it talks."""
    with start(GrpcTransport, arguments=limited(preface_timeout_s=0.5)) as running:
        slow = socket.create_connection(("127.0.0.1", running.transport.port), timeout=10)
        slow.sendall(b"PRI * ")
        while slow.recv(1000):
            pass
        slow.close()


def test_a_client_that_never_ends_its_handshake_is_cut_off(start, credentials):
    """TLS makes it no slower."""
    with start(
        GrpcTransport, arguments=limited(preface_timeout_s=0.5), ssl_context=credentials.ssl_context()
    ) as running:
        slow = socket.create_connection(("127.0.0.1", running.transport.port), timeout=10)
        slow.sendall(b"\x16\x03")
        while slow.recv(1000):
            pass
        slow.close()


def test_a_message_that_trickles_in_ends_its_call(start):
    """With a sentence; the connection and the other calls on it live."""
    with start(GrpcTransport, arguments=limited(body_s=0.4, min_body_bytes=1000)) as running:
        peer = Raw(running.transport.port)
        peer.send(peer.call(1, b"", path=b"/t.Test/Hold"), peer.head(3))
        peer.send(frames.frame(frames.DATA, 0, 3, b"\x00\x00\x00\xff\xff" + bytes(100)))
        stop = threading.Event()

        def trickle():
            while not stop.wait(0.02):
                peer.send(frames.frame(frames.DATA, 0, 3, b"x"))

        thread = threading.Thread(target=trickle)
        thread.start()
        answer = peer.answer(3)
        stop.set()
        thread.join()

        assert b"4" == answer[b"grpc-status"]
        assert answer[b"grpc-message"].startswith(b"The request came too slowly: less than 1000 bytes in 0.4 s;")
        running.call(running.methods.held.pop().reply, b"here")
        assert b"0" == peer.status(1)
        running.wait_until(lambda: running.transport._services.budget.held == 0)
        peer.close()


def test_a_silent_client_is_asked_and_then_cut_off(start):
    """A dead one does not answer the PING."""
    with start(GrpcTransport, arguments=limited(keepalive_time_s=0.5, keepalive_timeout_s=0.5)) as running:
        peer = Raw(running.transport.port)

        assert any(kind == frames.PING and not flags for kind, flags, _, _ in peer.frames())
        peer.close()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 13),
        (b"\x00", 13),
        (b"\x00\x00\x00\x00\x05abc", 13),
        (b"\x02\x00\x00\x00\x00", 13),
        (b"\x01\x00\x00\x00\x03abc", 13),
        (b"\x00\x00\x00\x00\x01a\x00\x00\x00\x00\x01b", 12),
        (b"\x00\xff\xff\xff\xff", 8),
    ],
)
def test_bodies_that_are_not_one_message(server, body, code):
    """None, half, odd, compressed without saying how, two, too long."""
    peer = Raw(server.transport.port)
    peer.send(peer.head(1), frames.frame(frames.DATA, frames.END_STREAM, 1, body))

    assert b"%d" % code == peer.status(1)
    peer.close()


@pytest.mark.parametrize("pieces", [1, 2, 5, 7])
def test_a_message_in_pieces_and_an_end_apart(server, pieces):
    """As Node's client sends it."""
    peer = Raw(server.transport.port)
    body = b"\x00\x00\x00\x00\x0ahelloworld"
    parts = [body[at : at + pieces] for at in range(0, len(body), pieces)]
    peer.send(peer.head(1), *(frames.frame(frames.DATA, 0, 1, part) for part in parts))
    peer.send(frames.frame(frames.DATA, frames.END_STREAM, 1))

    assert b"0" == peer.status(1)
    peer.close()


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({b"content-type": b"application/json"}, {b":status": b"415"}),
        ({b"content-type": b"application/grpcx"}, {b":status": b"415"}),
        ({b":method": b"GET"}, {b":status": b"405"}),
        ({b"content-type": b"application/grpc+proto"}, {b"grpc-status": b"0"}),
        ({b"content-type": b"application/grpc;x"}, {b"grpc-status": b"0"}),
        (
            {b"grpc-encoding": b"snappy"},
            {b"grpc-status": b"12", b"grpc-accept-encoding": b"identity, deflate, gzip"},
        ),
        ({b"grpc-timeout": b"soon"}, {b"grpc-status": b"13"}),
        ({b"grpc-timeout": b"0n"}, {b"grpc-status": b"4"}),
        ({b"x-bin": b"!"}, {b"grpc-status": b"13"}),
        ({b"x": b"y" * 17_000}, {b"grpc-status": b"8"}),
    ],
)
def test_what_headers_may_say(server, extra, expected):
    """And what they are answered."""
    peer = Raw(server.transport.port)
    peer.send(peer.call(1, b"x", extra, path=ECHO.encode() if b"grpc-timeout" not in extra else b"/t.Test/Hold"))

    assert expected.items() <= peer.answer(1).items()
    server.methods.held.clear()
    peer.close()


def test_calls_at_once_from_many_threads(server):
    """Each gets its own answer."""
    with server.channel() as channel, ThreadPoolExecutor(16) as pool:
        stub = channel.unary_unary(ECHO)

        assert [b"%d" % n for n in range(500)] == list(pool.map(lambda n: stub(b"%d" % n, timeout=20), range(500)))


class Raw:
    """A client that says exactly what it is told to."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=15)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        self.send(frames.PREFACE, frames.settings_frame({}))

    def send(self, *parts):
        """At once; in frames no larger than allowed, if they were."""
        self._socket.sendall(b"".join(parts))

    def head(self, number, extra=(), path=ECHO_PATH):
        """The HEADERS of a call, in CONTINUATIONs if they are large."""
        fields = {b":method": b"POST", b":scheme": b"http", b":path": path, b"content-type": b"application/grpc"}
        return frames.header_frames(number, encode_headers({**fields, **dict(extra)}.items()), 0, 16_384)

    def call(self, number, message, extra=(), path=ECHO_PATH):
        """A whole call."""
        body = struct.pack(">BL", 0, len(message)) + message
        return self.head(number, extra, path) + frames.frame(frames.DATA, frames.END_STREAM, number, body)

    def frames(self):
        """What comes, until the end of the connection."""
        data = b""
        while True:
            while len(data) >= 9:
                high, low, kind, flags, number = frames.unpack_frame_header(data)
                stop = 9 + (high << 8 | low)
                if len(data) < stop:
                    break
                yield kind, flags, number, data[9:stop]
                data = data[stop:]
            more = self._socket.recv(1 << 16)
            if not more:
                return
            data += more

    def answer(self, stream):
        """All headers and trailers of an answer."""
        import hpack

        decoder, found = hpack.Decoder(), {}
        for kind, flags, number, payload in self.frames():
            if number == stream and kind == frames.HEADERS:
                found.update((bytes(name), bytes(value)) for name, value in decoder.decode(payload, raw=True))
            if number == stream and flags & frames.END_STREAM and kind != frames.RST_STREAM:
                return found
        return found

    def status(self, stream):
        """The grpc-status of an answer."""
        return self.answer(stream).get(b"grpc-status")

    def close(self):
        """Without a goodbye."""
        self._socket.close()
