"""The transports on a loop of their own, with a few methods."""

import asyncio
import contextlib
import subprocess
import threading
import time

import grpc
import pytest
import uvloop

from serving.config.ssl_config import SslConfig
from serving.errors import Code, InvalidArgument
from serving.grpc.grpc_transport import GrpcTransport
from serving.grpc.grpcio_transport import GrpcioTransport

UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


class Methods:
    """What is served, and what became of it."""

    def __init__(self):
        self.held = []
        self.arrived = threading.Semaphore(0)
        self.seen = []

    def lookup(self, method):
        """By the last part of the path."""
        return getattr(self, method.removeprefix("/t.Test/"), None) if method.startswith("/t.Test/") else None

    # Named as a client calls them.

    def Echo(self, call):  # noqa: N802
        """The same bytes."""
        call.reply(call.message)

    def Big(self, call):  # noqa: N802
        """As many bytes as it is asked for."""
        call.reply(bytes(int(call.message)))

    def Fail(self, call):  # noqa: N802
        """The status and text of the message."""
        code, _, text = call.message.partition(b" ")
        call.fail(Code(int(code)), text.decode(), ((b"why", b"asked"),))

    def Metadata(self, call):  # noqa: N802
        """What came with it, twice over."""
        own = [(name, value) for name, value in call.metadata if name.startswith(b"x-")]
        call.reply(repr(own).encode(), own)

    def Raise(self, call):  # noqa: N802
        """A bug."""
        raise InvalidArgument(call.message.decode())

    def Hold(self, call):  # noqa: N802
        """Never answers by itself."""
        self.held.append(call)
        self.arrived.release()


class Running:
    """A started transport."""

    def __init__(self, transport, methods, loop):
        self.transport = transport
        self.methods = methods
        self.loop = loop

    @property
    def target(self):
        """For a channel."""
        return f"127.0.0.1:{self.transport.port}"

    @contextlib.contextmanager
    def channel(self, *options, **kwargs):
        """Of grpcio."""
        options = (*UNLIMITED, ("grpc.use_local_subchannel_pool", 1), *options)
        with grpc.insecure_channel(self.target, options=options, **kwargs) as channel:
            yield channel

    def run(self, coroutine):
        """On the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def call(self, function, *arguments):
        """A function on the loop's thread."""

        async def inner():
            return function(*arguments)

        return self.run(inner())

    def wait_until(self, condition, timeout_s=10):
        """Until it holds on the loop's thread."""
        end = time.monotonic() + timeout_s
        while not self.call(condition):
            assert time.monotonic() < end
            time.sleep(0.01)


@contextlib.contextmanager
def started(make, host="127.0.0.1", unix_path=None, loop_of=uvloop.new_event_loop, **kwargs):
    """Starts `make(lookup, **kwargs)`."""
    loop, methods = loop_of(), Methods()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = Running(make(methods.lookup, **kwargs), methods, loop)
    try:
        running.run(running.transport.start(host, 0, unix_path))
        yield running
        running.run(running.transport.stop(0))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="session")
def start():
    """Starts a transport of one's own: kind, then its arguments."""
    return started


@pytest.fixture(scope="session")
def own_transport():
    """The class."""
    return GrpcTransport


@pytest.fixture(scope="module", params=["own on uvloop", "own on asyncio", "grpcio"])
def any_server(request):
    """Each transport; the own one on both loops."""
    kind = GrpcioTransport if request.param == "grpcio" else GrpcTransport
    new_loop = asyncio.new_event_loop if "asyncio" in request.param else uvloop.new_event_loop
    with started(kind, loop_of=asyncio.new_event_loop if request.param == "grpcio" else new_loop) as running:
        yield running


@pytest.fixture(scope="module")
def server():
    """The own transport on uvloop."""
    with started(GrpcTransport) as running:
        yield running


@pytest.fixture(scope="session")
def credentials(tmp_path_factory):
    """A self-signed certificate for localhost that is its own root."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    cert = (folder / "cert.pem").read_text()
    return SslConfig((folder / "key.pem").read_text(), cert, custom_ca=cert)
