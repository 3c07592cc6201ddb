"""The load client against real servers on this machine: the echo in this process, and sockets that answer badly."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from tests.bench.limits.echo import GrpcEcho, Http1Echo, grpc_answer, http_answer
from tests.bench.load.closed_loop import ClosedLoop
from tests.bench.load.errors import BadAnswer
from tests.bench.load.expectation import Expectation
from tests.bench.load.first_answer import wait_for_answer
from tests.bench.load.grpc_connection import GrpcConnection
from tests.bench.load.http1_connection import Http1Connection, body_end, body_of, post
from tests.bench.targets import PREDICT
from tests.bench.wire import instances, predict_request

Y = np.linspace(0, 1, 10, dtype=np.float32)
PATH = "/v1/models/mlp:predict"


@contextmanager
def listening(protocol):
    """The port of a protocol that is served on a loop in a thread."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()


def grpc(shape, y=Y):
    """What connects by gRPC."""
    message = predict_request("mlp", np.zeros(shape, np.float32))
    return lambda: GrpcConnection(PREDICT, "here", message, Expectation(y.tolist(), is_json=False))


def rest(shape, y=Y):
    """What connects by REST."""
    request = post(PATH, instances("mlp", np.zeros(shape, np.float32)), "here")
    return lambda: Http1Connection(request, Expectation(y.tolist(), is_json=True))


def echo(kind):
    """The echo of a protocol, and what connects to it."""
    if kind == "grpc":
        return lambda: GrpcEcho({b"mlp": grpc_answer("mlp", Y)}), grpc
    return lambda: Http1Echo({b"mlp": http_answer(Y)}), rest


@pytest.mark.parametrize("kind", ["grpc", "rest"])
@pytest.mark.parametrize("shape", [(1, 784), (1, 224, 224, 3)], ids=["3 kB", "600 kB"])
def test_every_request_is_answered(kind, shape):
    """Small and big requests over several connections, none failed, each with its latency."""
    protocol, connect = echo(kind)
    with listening(protocol) as port:
        loop = ClosedLoop(port, connect(shape), 3)
        outcome = loop.run(0.2)
        loop.close()

    assert len(outcome.latencies) >= max(3, outcome.in_time)
    assert not outcome.errors


@pytest.mark.parametrize("kind", ["grpc", "rest"])
def test_wrong_numbers_end_the_run(kind):
    """A server that answers something else is no server that is fast."""
    protocol, connect = echo(kind)
    with listening(protocol) as port:
        loop = ClosedLoop(port, connect((1, 784), Y + 1), 2)
        with pytest.raises(BadAnswer, match="expected numbers"):
            loop.run(0.2)
        loop.close()


def test_the_first_answer_is_waited_for():
    """A port that refuses at first is asked again."""
    protocol, connect = echo("grpc")
    with listening(protocol) as port:
        assert wait_for_answer(port, connect((1, 784)), lambda: True, 5) > 0


def test_a_server_that_ends_is_not_waited_for():
    """The reason names the last try."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(BadAnswer, match="the process ended"):
            wait_for_answer(unused.getsockname()[1], grpc((1, 4)), lambda: False, 5)


def test_a_refusal_is_no_answer():
    """A status other than 200 raises with what was said."""
    with pytest.raises(BadAnswer, match="404"):
        rest((1, 4))().receive(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_an_answer_may_come_in_pieces(cut):
    """Nothing is an answer before its last byte."""
    connection, answer = rest((1, 4))(), http_answer(Y)

    assert [False, True] == [connection.receive(answer[:-cut]), connection.receive(answer[-cut:])]


def test_chunks_are_joined():
    """Some peers answer without a length."""
    answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
    head = answer.index(b"\r\n\r\n")

    assert b"[1,2]" == body_of(answer, head)
    assert [len(answer), -1] == [body_end(answer, head), body_end(answer[:-1], head)]
