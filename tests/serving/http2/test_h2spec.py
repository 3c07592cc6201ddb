"""h2spec, the conformance suite of HTTP/2 and HPACK, finds nothing."""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from serving.grpc.channel_arguments import TransportArguments
from serving.grpc.grpc_transport import GrpcTransport
from serving.http2.frames import DEFAULT_MAX_FRAME_SIZE
from serving.http2.limits import Limits

H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"


@pytest.fixture(scope="module")
def h2spec():
    """The program: $H2SPEC, or built once by Go and kept for the next run."""
    given = os.environ.get("H2SPEC") or shutil.which("h2spec")
    if given:
        return given
    folder = Path(tempfile.gettempdir(), f"shipway-h2spec-{os.getuid()}")
    if not (folder / "h2spec").exists():
        go = shutil.which("go")
        if not go:
            pytest.skip("h2spec is not there, and no Go to build it")
        environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": ""}
        built = subprocess.run([go, "install", H2SPEC], env=environment, capture_output=True, text=True, check=False)
        if built.returncode:
            pytest.skip(f"h2spec could not be built: {built.stderr.strip()[-200:]}")
    return str(folder / "h2spec")


@pytest.fixture(scope="module")
def port():
    """Of a transport that echoes."""
    # h2spec takes this for the largest frame, whatever the server's settings say.
    limits = Limits(max_frame_size=DEFAULT_MAX_FRAME_SIZE)
    loop = asyncio.new_event_loop()
    transport = GrpcTransport(
        {"/s/echo": lambda call: call.reply(call.message)}.get, arguments=TransportArguments(limits)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(transport.start("127.0.0.1", 0), loop).result(10)
    yield transport.port
    asyncio.run_coroutine_threadsafe(transport.stop(0), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_h2spec_finds_nothing(h2spec, port):
    """Its generic, http2 and hpack parts; none is skipped."""
    result = subprocess.run(
        [h2spec, "-h", "127.0.0.1", "-p", str(port), "-o", "5"], capture_output=True, text=True, check=False
    )

    found = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", result.stdout)
    assert found, result.stdout + result.stderr
    assert (found[1], "0", "0") == (found[2], found[3], found[4]), result.stdout.partition("Failures:")[2]
