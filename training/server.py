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
    """A server that was started; `wait` says when it is ready.

    rest: Its address, http://host:port; grpc: host:port.
    started: time.monotonic() just before its process began.
    """

    model: str
    version: str
    rest: str
    grpc: str
    process: "subprocess.Popen[bytes]"
    started: float

    def wait(self, timeout_s: float = READY_TIMEOUT_S) -> float:
        """Seconds from the start of the process until the version is AVAILABLE.

        Raises: CheckError (the process ended, the load failed, or timeout_s went by).
        """
        answer = "nothing"
        while (waited := time.monotonic() - self.started) < timeout_s:
            if (code := _ended(self.process)) is not None:
                raise CheckError(f"the model server died with exit code {code} after {waited:.1f} s: see its log")
            state, answer = self._state() or (None, answer)
            if state == "AVAILABLE":
                return round(time.monotonic() - self.started, 3)
            if state == "END":
                raise CheckError(f"the model server cannot load {self.model} {self.version}: {answer}")
        raise CheckError(f"{self.model} {self.version} was not AVAILABLE after {timeout_s:g} s. Received: {answer}")

    def rss_mb(self) -> float:
        """Its resident size now, in MiB."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    def _state(self) -> tuple[str | None, str] | None:
        """The version's state and the answer on one line; None while nobody listens."""
        try:
            response = httpx.get(f"{self.rest}/v1/models/{self.model}/versions/{self.version}", timeout=5.0)
        except httpx.TransportError:
            return None
        text = " ".join(response.text.split())
        try:
            return response.json()["model_version_status"][0]["state"], text
        except (ValueError, LookupError, TypeError):
            return None, text


@contextmanager
def serving(directory: Path, model: str, version: str, command: Sequence[str] = COMMAND) -> Iterator[Server]:
    """Starts serving a version directory on free ports, and ends the process in any case.

    After a CheckError, the server's last lines are on stdout.

    Args:
      command: The server's, without its flags, which are TensorFlow Serving's.
    """
    with tempfile.TemporaryDirectory(prefix="check-") as folder, ExitStack() as stack:
        base = Path(folder) / model
        base.mkdir()
        (base / version).symlink_to(directory.resolve(), target_is_directory=True)
        log = Path(folder) / "server.log"
        grpc, rest = free_ports(2)
        flags = [f"--port={grpc}", f"--rest_api_port={rest}", f"--model_name={model}", f"--model_base_path={base}"]
        started = time.monotonic()
        process = stack.enter_context(_process([*command, *flags], log))
        try:
            yield Server(model, version, f"http://127.0.0.1:{rest}", f"127.0.0.1:{grpc}", process, started)
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


def _ended(process: "subprocess.Popen[bytes]") -> int | None:
    """The exit code, waited for as long as the pause between two questions should be."""
    try:
        return process.wait(PAUSE_S)
    except subprocess.TimeoutExpired:
        return None


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; all are held at once, so they differ."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _show(log: Path) -> None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    say("\n".join(["the model server's last lines:", *(f"  {line}" for line in lines)]))
