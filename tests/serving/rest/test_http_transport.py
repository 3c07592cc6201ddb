import asyncio
import contextlib
import socket
import struct
import threading
import time

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.byte_budget import ByteBudget
from serving.errors import Unavailable
from serving.exchange import HttpResponse
from serving.rest.http_limits import HttpLimits
from serving.rest.http_transport import HttpTransport

JSON = ((b"Content-Type", b"application/json"),)


class Held:
    """A handler that says what it was asked, at once, or when `release` is called for paths under /hold."""

    def __init__(self):
        self.requests = []
        self.held = []
        self.arrived = threading.Semaphore(0)

    def __call__(self, request, answer):
        """Answers, or holds."""
        self.requests.append(request)
        body = f"{request.method} {request.target.decode()} {len(request.body)}".encode()
        response = HttpResponse(200, JSON, b"x" * (8 << 20) if request.target == b"/big" else body)
        if request.target.startswith(b"/hold"):
            self.held.append((answer, response))
        else:
            answer(response)
        self.arrived.release()


class Running:
    """A transport on a loop and thread of its own."""

    def __init__(self, limits, loop_factory=uvloop.new_event_loop, budget=None):
        self.handler = Held()
        self.transport = HttpTransport(self.handler, limits, budget=budget)
        self.loop = loop_factory()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.call(self.transport.start("127.0.0.1", 0))

    def call(self, coroutine):
        """Its result, from the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def release(self, index):
        """Answers a held request."""

        async def run():
            answer, response = self.handler.held[index]
            answer(response)

        self.call(run())

    def buffered(self):
        """Bytes of bodies that count against the limit."""
        return self.transport._budget.held

    def connect(self):
        """A client's socket."""
        return socket.create_connection(("127.0.0.1", self.transport.port), timeout=10)

    def ask(self, data, pieces=None):
        """All that comes back for some bytes, until the server closes."""
        with self.connect() as client:
            with contextlib.suppress(OSError):  # it may have been refused by then
                for piece in pieces or [data]:
                    client.sendall(piece)
                client.shutdown(socket.SHUT_WR)
            return everything(client)

    def close(self, grace_s=0.0):
        """Stops it."""
        self.call(self.transport.stop(grace_s))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def everything(client):
    """What comes until the end."""
    received = b""
    while piece := client.recv(1 << 20):
        received += piece
    return received


def one(client):
    """One response: head and body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(1)
    length = int(received.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    body = b""
    while len(body) < length:
        body += client.recv(length - len(body))
    return received, body


@pytest.fixture
def running():
    """Starts transports."""
    started = []

    def run(budget=None, **limits):
        started.append(Running(HttpLimits(**limits), budget=budget))
        return started[-1]

    yield run
    for transport in started:
        transport.close()


@pytest.fixture(scope="module")
def plain():
    """One transport with small limits for all tests that only ask."""
    transport = Running(HttpLimits(max_body_bytes=1000, head_s=5))
    yield transport
    transport.close()


def bodies(answer):
    """The bodies of several responses."""
    found = []
    while answer:
        head, _, answer = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found.append(answer[:length].decode())
        answer = answer[length:]
    return found


def post(body, *headers, target=b"/x"):
    """A request."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"POST " + target + b" HTTP/1.1\r\n" + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


CHUNKED = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"GET /x? HTTP/1.1\r\n\r\n", ["GET /x? 0"]),
        (b"GET /a%2Fb?q=1#f HTTP/1.1\r\n\r\n", ["GET /a%2Fb?q=1#f 0"]),
        (b"\r\n\r\nGET /x HTTP/1.1\r\n\r\n", ["GET /x 0"]),
        (post(b"hello"), ["POST /x 5"]),
        (b"".join(post(b"a" * n, target=b"/%d" % n) for n in range(200)), [f"POST /{n} {n}" for n in range(200)]),
        (
            CHUNKED + b"5\r\nhello\r\nA ;x=y\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n" + post(b"z"),
            ["POST /x 15", "POST /x 1"],
        ),
        (CHUNKED + b"0\r\n\r\n", ["POST /x 0"]),
        (b"GET /x HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", ["GET /x 0"]),
        (b"GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n", ["GET /1 0"]),
        (b"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", ["GET /1 0", "GET /2 0"]),
        (b"GET /1 HTTP/1.1\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", ["GET /1 0"]),
    ],
)
@pytest.mark.parametrize("by_the_byte", [False, True])
def test_requests_are_answered_in_order(plain, sent, expected, *, by_the_byte):
    """However they come, in one piece or byte by byte."""
    if by_the_byte and len(sent) > 10_000:
        pytest.skip("the same as in one piece, only longer")
    pieces = [sent[index : index + 1] for index in range(len(sent))] if by_the_byte else [sent]

    assert expected == bodies(plain.ask(sent, pieces))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /x\r\n\r\n", 505),
        (b"GET /x HTTP/0.9\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"FOO /x HTTP/1.1\r\n\r\n", 501),
        (b"get /x HTTP/1.1\r\n\r\n", 501),
        (b"PURGE /x HTTP/1.1\r\n\r\n", 501),
        (b"CONNECT h:80 HTTP/1.1\r\n\r\n", 501),
        (b"TRACE /x HTTP/1.1\r\n\r\n", 501),
        (b"GET /a b HTTP/1.1\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\nHost: a\n\n", 400),
        (b"GET /x HTTP/1.1\r\nX : y\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nX: a\r\n b\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nX: a\0b\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        (b"GET /" + b"x" * (64 << 10) + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET /x HTTP/1.1\r\nX: " + b"x" * (64 << 10) + b"\r\n\r\n", 431),
        (b"GET /x HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n", 431),
        (b"POST /x HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nhello", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
        (b"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx", 417),
        (CHUNKED + b"5\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED + b"x\r\n", 400),
        (CHUNKED + b"-1\r\n", 400),
        (CHUNKED + b"\r\n", 400),
        (CHUNKED + b"5\r\nhelloX\r\n", 400),
        (CHUNKED + b"1" * 5000, 400),
        (CHUNKED + b"0\r\nbad trailer\r\n\r\n", 400),
        (CHUNKED + b"7d0\r\n" + b"x" * 1001, 413),
        (post(b"x" * 1001), 413),
        (b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n", 413),
    ],
)
def test_what_is_not_http_is_refused_and_the_connection_ends(plain, sent, status):
    """After what was right before it; never is any of it taken for a further request."""
    answer = plain.ask(b"GET /before HTTP/1.1\r\n\r\n" + sent + b"GET /smuggled HTTP/1.1\r\n\r\n" * (status != 431))

    first, second = bodies(answer)
    assert "GET /before 0" == first
    assert f"<TITLE>{status} " in second
    assert b"Connection: close\r\n" in answer
    assert 0 == plain.buffered()
    assert b"/smuggled" not in {request.target for request in plain.handler.requests}


def test_head_answers_have_no_body(plain):
    """But the length that it would have."""
    answer = plain.ask(b"HEAD /x HTTP/1.1\r\n\r\n")

    assert b"Content-Length: 9\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_a_client_is_told_to_continue_after_the_answers_before(running):
    """The interim response must not come between them."""
    server = running()
    with server.connect() as client:
        client.sendall(b"GET /hold HTTP/1.1\r\n\r\n")
        client.sendall(b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        server.handler.arrived.acquire(timeout=10)
        server.release(0)
        assert b"GET /hold 0" == one(client)[1]
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == one(client)[0]
        client.sendall(b"ab")
        assert b"POST /x 2" == one(client)[1]


def test_answers_keep_the_order_of_the_requests(running):
    """Whichever is ready first."""
    server = running()
    with server.connect() as client:
        client.sendall(b"".join(b"GET /hold%d HTTP/1.1\r\n\r\n" % n for n in range(3)) + b"GET /x HTTP/1.1\r\n\r\n")
        for _ in range(4):
            server.handler.arrived.acquire(timeout=10)
        for index in (2, 0, 1):
            server.release(index)

        assert [b"GET /hold0 0", b"GET /hold1 0", b"GET /hold2 0", b"GET /x 0"] == [one(client)[1] for _ in range(4)]


def test_a_connection_is_not_read_beyond_the_requests_that_wait(running):
    """However many are sent; they all come after the answers."""
    server = running(max_pipelined=4)
    with server.connect() as client:
        client.sendall(b"".join(b"GET /hold%d HTTP/1.1\r\n\r\n" % n for n in range(20)))
        for index in range(20):
            server.handler.arrived.acquire(timeout=10)
            assert len(server.handler.requests) <= index + 4
            server.release(index)
        assert [b"GET /hold%d 0" % n for n in range(20)] == [one(client)[1] for _ in range(20)]


def test_an_answer_to_a_client_that_left_is_dropped(running):
    """And its body is counted no more."""
    server = running()
    client = server.connect()
    client.sendall(post(b"x" * 500, target=b"/hold"))
    server.handler.arrived.acquire(timeout=10)
    assert 500 == server.buffered()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    until(lambda: not server.transport._connections.open)
    server.release(0)

    assert 0 == server.buffered()
    assert ["GET /x 0"] == bodies(server.ask(b"GET /x HTTP/1.1\r\n\r\n"))


def until(condition):
    """Waits for what another thread does."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.01)


def test_bodies_of_all_connections_together_are_bounded(running):
    """The one too many is refused, and those before it are answered."""
    server = running(ByteBudget(1000))
    with server.connect() as client:
        client.sendall(post(b"x" * 800, target=b"/hold"))
        server.handler.arrived.acquire(timeout=10)
        for request in (post(b"x" * 300), CHUNKED + b"12c\r\n" + b"x" * 300 + b"\r\n0\r\n\r\n"):
            assert ["503"] == [text.partition("<TITLE>")[2][:3] for text in bodies(server.ask(request))]
        server.release(0)
        assert b"POST /hold 800" == one(client)[1]
    assert ["POST /x 300"] == bodies(server.ask(post(b"x" * 300)))


def test_large_bodies_go_up_one_after_another(running):
    """Small ones pass them; one whose client has gone takes no turn."""
    server = running(max_reading_bytes=3 << 20)
    large = b"x" * (2 << 20)
    with server.connect() as first, server.connect() as second, server.connect() as third:
        first.sendall(post(large, target=b"/hold"))
        server.handler.arrived.acquire(timeout=10)
        second.sendall(post(large))
        until(lambda: server.buffered() == 2 * len(large))
        third.sendall(post(large))
        until(lambda: server.buffered() == 3 * len(large))
        assert ["POST /x 5"] == bodies(server.ask(post(b"small")))
        second.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no half-close
        second.close()
        until(lambda: server.buffered() == 2 * len(large))
        server.release(0)
        assert b"POST /hold 2097152" == one(first)[1]
        assert b"POST /x 2097152" == one(third)[1]
    assert [2 << 20, 5, 2 << 20] == [len(request.body) for request in server.handler.requests]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"", b""),
        (b"GET /x HTTP/1.1\r\n", b"HTTP/1.1 408 "),
        (b"POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel", b"HTTP/1.1 408 "),
        (CHUNKED + b"5\r\nhel", b"HTTP/1.1 408 "),
    ],
)
def test_a_slow_client_is_let_go(running, sent, expected):
    """Silently if it asked nothing, with 408 in the middle of a request."""
    server = running(idle_s=0.1, head_s=0.05, body_s=0.1, linger_s=0.05)
    with server.connect() as client:
        client.sendall(sent)
        assert everything(client)[:13] == expected


def test_a_head_that_trickles_in_is_let_go(running):
    """Each byte does not start the time anew."""
    server = running(head_s=0.2, linger_s=0.05)
    with server.connect() as client:
        client.settimeout(0.02)
        received = b""
        for _ in range(500):
            client.sendall(b"G")
            try:
                received += client.recv(100)
            except TimeoutError:
                continue
            break
    assert received.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("head", [b"POST /x HTTP/1.1\r\nContent-Length: 90000\r\n\r\n", CHUNKED])
def test_a_body_that_trickles_in_is_let_go(running, head):
    """However long it could go on, and whatever has come before."""
    server = running(body_s=0.3, min_body_bytes=1000, linger_s=0.05)
    piece = b"x" if b"Length" in head else b"1\r\nx\r\n"
    with server.connect() as client:
        client.sendall(head + piece * 10_000)
        client.settimeout(0.02)
        received = b""
        for _ in range(500):
            client.sendall(piece)
            try:
                received += client.recv(100)
            except TimeoutError:
                continue
            break
    assert received.startswith(b"HTTP/1.1 408 ")
    until(lambda: server.buffered() == 0)


def test_a_body_that_is_slow_and_steady_is_waited_for(running):
    """For many stretches of time, on a connection that was idle for as long before."""
    server = running(body_s=0.5, min_body_bytes=100, linger_s=0.05)
    with server.connect() as client:
        time.sleep(0.6)
        client.sendall(b"POST /x HTTP/1.1\r\nContent-Length: 10000\r\n\r\n")
        for _ in range(50):
            client.sendall(b"x" * 200)
            time.sleep(0.02)
        assert b"POST /x 10000" == one(client)[1]


def test_a_body_that_the_server_does_not_read_is_not_too_slow(running):
    """It waits for the answer before it, with or without `100 Continue`."""
    server = running(body_s=0.1, linger_s=0.05, max_pipelined=1)
    for expect in (b"", b"Expect: 100-continue\r\n"):
        with server.connect() as client:
            client.sendall(post(b"", target=b"/hold") + b"POST /x HTTP/1.1\r\n%sContent-Length: 5\r\n\r\n" % expect)
            client.sendall(b"" if expect else b"he")
            server.handler.arrived.acquire(timeout=10)
            time.sleep(0.5)
            server.release(-1)
            assert b"POST /hold 0" == one(client)[1]
            assert not expect or one(client)[0].startswith(b"HTTP/1.1 100 ")
            client.sendall(b"hello" if expect else b"llo")
            assert b"POST /x 5" == one(client)[1]


def test_a_client_that_reads_nothing_is_let_go(running):
    """What it was sent is bounded: at most the answers to the requests that were waiting."""
    server = running(max_pipelined=2, unsent_s=0.2, linger_s=0.05)
    with server.connect() as client:
        client.sendall(b"GET /big HTTP/1.1\r\n\r\n" * 100)
        until(lambda: len(server.handler.requests) > 0)
        until(lambda: not server.transport._connections.open)

    assert len(server.handler.requests) <= 4


def test_one_connection_too_many_is_refused(running):
    """With 503; the others go on."""
    server = running(max_connections=1)
    with server.connect() as client:
        client.sendall(b"GET /x HTTP/1.1\r\n\r\n")
        one(client)
        with server.connect() as second:
            assert everything(second).startswith(b"HTTP/1.1 503 ")
        client.sendall(b"GET /y HTTP/1.1\r\n\r\n")
        assert b"GET /y 0" == one(client)[1]


def test_a_stop_finishes_what_is_in_flight(running):
    """Idle connections end at once, the port is closed, the last answer says that the connection ends."""
    server = running()
    with server.connect() as idle, server.connect() as client:
        client.sendall(b"GET /hold HTTP/1.1\r\n\r\n")
        server.handler.arrived.acquire(timeout=10)
        stopped = asyncio.run_coroutine_threadsafe(server.transport.stop(10), server.loop)
        assert b"" == everything(idle)
        with pytest.raises(OSError, match="refused"):
            server.connect()
        assert not stopped.done()
        server.release(0)
        head, body = one(client)
        stopped.result(10)

    assert b"Connection: close\r\n" in head
    assert b"GET /hold 0" == body


def test_a_stop_breaks_off_what_takes_too_long(running):
    """After the grace."""
    server = running()
    with server.connect() as client:
        client.sendall(b"GET /hold HTTP/1.1\r\n\r\n")
        server.handler.arrived.acquire(timeout=10)
        server.call(server.transport.stop(0.05))

        assert b"" == everything(client)


def test_a_port_that_is_taken(running):
    """Upstream's words."""
    server = running()
    port = server.transport.port
    with pytest.raises(Unavailable, match=f"Failed to start HTTP Server at 127.0.0.1:{port}"):
        server.call(HttpTransport(server.handler).start("127.0.0.1", port))


def test_a_thousand_idle_connections(running):
    """Cost nothing to the one that asks."""
    server = running()
    clients = [server.connect() for _ in range(1000)]
    until(lambda: len(server.transport._connections.open) == 1000)
    started = time.perf_counter()
    with server.connect() as client:
        for _ in range(100):
            client.sendall(b"GET /x HTTP/1.1\r\n\r\n")
            one(client)
    assert time.perf_counter() - started < 5
    for idle in clients:
        idle.close()


def test_it_runs_on_the_standard_loop_too():
    """Without uvloop."""
    server = Running(HttpLimits(), asyncio.new_event_loop)
    try:
        assert ["POST /x 100000"] * 3 == bodies(server.ask(post(b"x" * 100_000) * 3))
    finally:
        server.close()


FRAGMENTS = st.one_of(
    st.binary(max_size=50),
    st.sampled_from(
        [
            b"\r\n",
            b"\r\n\r\n",
            b"GET /x HTTP/1.1\r\n",
            b"Content-Length: 3\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"3\r\nabc\r\n0\r\n\r\n",
            b"POST /x HTTP/1.1\r\n",
            b"Expect: 100-continue\r\n",
            b"Connection: close\r\n",
        ]
    ),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FRAGMENTS, max_size=8))
def test_any_bytes_get_responses_or_an_end(plain, fragments):
    """And the server answers on."""
    answer = plain.ask(b"", fragments)

    assert not answer or answer.startswith(b"HTTP/1.1 ")
    assert ["GET /after 0"] == bodies(plain.ask(b"GET /after HTTP/1.1\r\n\r\n"))
    assert 0 == plain.buffered()
