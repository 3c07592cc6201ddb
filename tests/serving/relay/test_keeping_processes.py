"""Transport processes that do not start, or start and end again; without a model behind them."""

import asyncio
import os
import socket

import pytest

from serving import event_loop
from serving.config.ssl_config import SslConfig
from serving.errors import Internal, ServingError
from serving.exchange import HttpResponse
from serving.grpc.channel_arguments import TransportArguments
from serving.relay import transport_process_handle, transport_processes
from serving.relay.transport_processes import TransportProcesses

FAILING = "import sys; sys.exit(3)"


def http(request, answer):
    """Always the same."""
    answer(HttpResponse(200, (), b"here"))


def processes(count=1, credentials=None):
    """With nothing but that."""
    return TransportProcesses(count, {}, http, credentials, TransportArguments())


async def ask(port):
    """One request on a connection of its own; the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.rpartition(b"\r\n\r\n")[2]


def is_free(port):
    """Whether a server of one process could take the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.bind(("127.0.0.1", port)) is None


def test_a_process_that_does_not_start_is_an_error(monkeypatch, free_port):
    """And the ports are free again."""
    monkeypatch.setattr(transport_process_handle, "_PROGRAM", FAILING)
    grpc_port, rest_port = free_port(), free_port()

    async def run():
        with pytest.raises(Internal, match="ended before it took connections"):
            await processes(2).start("127.0.0.1", grpc_port, "", rest_port)

    event_loop.run(run())
    assert is_free(grpc_port)
    assert is_free(rest_port)


@pytest.mark.parametrize("path", ["", "/nowhere/at/all.sock"])
def test_what_cannot_be_opened_is_refused_in_upstreams_words(path, free_port):
    """Wrong keys, or a socket in no folder; no process is started."""
    credentials = None if path else SslConfig("no key", "no certificate")

    async def run():
        with pytest.raises(ServingError, match=r"^Failed to BuildAndStart gRPC server$"):
            await processes(credentials=credentials).start("127.0.0.1", free_port(), path, 0)

    event_loop.run(run())


def test_a_process_that_fails_again_and_again_is_started_less_and_less_often(monkeypatch, caplog, free_port):
    """Clients that come meanwhile wait, and are answered in the end."""
    monkeypatch.setattr(transport_processes, "_FIRST_PAUSE_S", 0.01)
    good, port = transport_process_handle._PROGRAM, free_port()

    async def run():
        both = processes()
        await both.start("127.0.0.1", free_port(), "", port)
        assert b"here" == await ask(port)
        monkeypatch.setattr(transport_process_handle, "_PROGRAM", FAILING)
        os.kill(both._keepers[0]._process.pid, 9)
        waiting = None
        while "ended with 3, another starts in 0.1 s" not in caplog.text:
            if waiting is None and "ended with -9" in caplog.text:
                waiting = asyncio.ensure_future(ask(port))
            await asyncio.sleep(0.01)
        monkeypatch.setattr(transport_process_handle, "_PROGRAM", good)
        assert b"here" == await asyncio.wait_for(waiting, 60)
        await both.stop(1)

    event_loop.run(run())
    assert is_free(port)


def test_a_stop_does_not_wait_for_the_next_start(monkeypatch, caplog, free_port):
    """However long the pause before it."""
    monkeypatch.setattr(transport_processes, "_FIRST_PAUSE_S", 1000.0)

    async def run():
        both = processes()
        await both.start("127.0.0.1", free_port(), "", 0)
        os.kill(both._keepers[0]._process.pid, 9)
        while "another starts" not in caplog.text:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)
        await asyncio.wait_for(both.stop(1), 30)

    event_loop.run(run())
