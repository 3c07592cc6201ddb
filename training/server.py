"""A model server as a process of its own, for as long as a `with` lasts. Not here: what to ask it (client.py)."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from training.errors import CheckError
from training.progress import say

COMMAND = (sys.executable, "-m", "serving")
READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
PAUSE_S = 0.05
LOG_LINES = 20


@dataclass(frozen=True)
class Server:
    """A server that said AVAILABLE.

    ready_seconds: From the start of its process until then.
    """

    model: str
    version: str
    rest: str
    grpc: str
    pid: int
    ready_seconds: float

    def rss_mb(self) -> float:
        """Its resident size now, in MiB."""
        return float(psutil.Process(self.pid).memory_info().rss) / 2**20


@contextmanager
def serving(
    directory: Path,
    model: str,
    version: str,
    command: Sequence[str] = COMMAND,
    timeout_s: float = READY_TIMEOUT_S,
) -> Iterator[Server]:
    """Serves a version directory on free ports, and ends the process in any case.

    Args:
      command: The server's, without its flags, which are TensorFlow Serving's.
      timeout_s: How long it may take until the version is AVAILABLE.
    Raises: CheckError (it died, or was not ready in time); its last lines are on stdout then.
    """
    with tempfile.TemporaryDirectory(prefix="check-") as folder, ExitStack() as stack:
        base = Path(folder) / model
        base.mkdir()
        (base / version).symlink_to(directory.resolve(), target_is_directory=True)
        log = Path(folder) / "server.log"
        grpc, rest = _free_ports(2)
        flags = [f"--port={grpc}", f"--rest_api_port={rest}", f"--model_name={model}", f"--model_base_path={base}"]
        process = stack.enter_context(_process([*command, *flags], log))
        try:
            address = f"http://127.0.0.1:{rest}"
            seconds = _wait(process, f"{address}/v1/models/{model}/versions/{version}", timeout_s)
            yield Server(model, version, address, f"127.0.0.1:{grpc}", process.pid, seconds)
        except CheckError:
            _show(log)
            raise


@contextmanager
def _process(command: Sequence[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """It stays in this process's group, so that whoever ends the step's group ends it too."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", url: str, timeout_s: float) -> float:
    """Seconds until the version is AVAILABLE; waiting for the process to end is the pause between two questions."""
    started = time.monotonic()
    answer = "nothing"
    while (waited := time.monotonic() - started) < timeout_s:
        try:
            code = process.wait(PAUSE_S)
        except subprocess.TimeoutExpired:  # noqa: PERF203 - it paces the loop
            state, answer = _state(url) or (None, answer)
            if state == "AVAILABLE":
                return round(time.monotonic() - started, 3)
        else:
            raise CheckError(
                f"the model server died with exit code {code} after {waited:.1f} s: see its last lines above"
            )
    raise CheckError(f"the model was not AVAILABLE after {timeout_s:g} s: see its last lines above. Received: {answer}")


def _state(url: str) -> tuple[str | None, str] | None:
    """The state and the whole answer; None while nobody listens."""
    try:
        response = httpx.get(url, timeout=5.0)
    except httpx.TransportError:
        return None
    try:
        return response.json()["model_version_status"][0]["state"], response.text
    except (ValueError, LookupError, TypeError):
        return None, response.text


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; all are held at once, so they differ."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _show(log: Path) -> None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    say("\n".join(["the model server's last lines:", *(f"  {line}" for line in lines)]))
