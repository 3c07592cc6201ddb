"""One step's process: started, watched without polling, and stopped with everything that it started.

A step is the leader of its own session, so a signal to its group reaches all of it and a terminal's Ctrl-C does not;
what outlives the engine itself is reaper.py's. Not here: which command it is (pod.py).
"""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from workflows.local import reaper

NOT_FOUND = 64  # the code with which Argo's executor ends when there is no such command
CHUNK = 1 << 16
RESULT_LIMIT = 256 * 1024  # Argo keeps as much of a step's output as its result
MARK = "SHIPWAY_RUN"


class Reaper:
    """The process that kills a run's steps when the engine is gone."""

    def __init__(self) -> None:
        self.mark = secrets.token_hex(16)
        command = [sys.executable, "-I", "-S", reaper.__file__, f"{MARK}={self.mark}"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def tell(self, sign: str, group: int) -> None:
        """Says that a group started (`+`) or is gone (`-`)."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{sign}{group}\n".encode())
            self._process.stdin.flush()

    def close(self) -> None:
        """Has it kill what is left, and waits for its end."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


class Process:
    """A running step. `code` is awaited for its end; `output` is the start of what it wrote.

    stdout and stderr share one pipe, so the log has their lines in order; where the step's result is used (`apart`),
    stderr goes to the log by itself and `output` is stdout alone.
    """

    def __init__(self, reaper_: Reaper, log: Path, on_line: Callable[[str], None], *, apart: bool) -> None:
        self._apart = apart
        self.output = b""
        self.why = ""  # what is to be added to the exit code, where the command is not there
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._reaper = reaper_
        self._log: IO[bytes] = log.open("ab", buffering=0)
        self._on_line = on_line
        self._line = b""
        self._pipe = -1
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        """Starts the command; a command that is not there ends at once, with Argo's exit code and a line in the log."""
        self._pipe, write = os.pipe()
        try:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**env, MARK: self._reaper.mark},
                stdin=subprocess.DEVNULL,
                stdout=write,
                stderr=self._log if self._apart else subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self._log.write(f"{command[0]}: {error.strerror or error}\n".encode())
            self.why = f": {_not_there(command[0])}"
            self._end(NOT_FOUND)
            return
        except ValueError:
            self._end(NOT_FOUND)
            raise
        finally:
            os.close(write)
        self._reaper.tell("+", self._process.pid)
        os.set_blocking(self._pipe, False)
        self._loop.add_reader(self._pipe, self._read)
        self._watch()

    def stop(self, grace_s: float) -> None:
        """Asks the whole group to end, and kills it after `grace_s` seconds."""
        self._signal(signal.SIGTERM)
        self._loop.call_later(grace_s, self._signal, signal.SIGKILL)

    def kill(self) -> None:
        """Kills the whole group now."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process and not self.code.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _watch(self) -> None:
        assert self._process
        pid = self._process.pid
        if hasattr(os, "pidfd_open"):
            descriptor = os.pidfd_open(pid)
            self._loop.add_reader(descriptor, self._exited, descriptor)
            return

        def wait() -> None:  # a system without pidfd, such as macOS
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            self._loop.call_soon_threadsafe(self._exited, None)

        threading.Thread(target=wait, daemon=True).start()

    def _exited(self, descriptor: int | None) -> None:
        assert self._process
        if descriptor is not None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
        # Until it is reaped its group's number cannot be another's, so what it left behind is safely killed.
        self._signal(signal.SIGKILL)
        code = self._process.wait()
        self._reaper.tell("-", self._process.pid)
        while self._read():
            pass
        self._end(code if code >= 0 else 128 - code)

    def _read(self) -> bool:
        """Takes what is there to read; says whether there may be more."""
        try:
            chunk = os.read(self._pipe, CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self._loop.remove_reader(self._pipe)
            return False
        self._log.write(chunk)
        self.output += chunk[: RESULT_LIMIT - len(self.output)]
        *lines, self._line = (self._line + chunk).split(b"\n")
        self._line = self._line[-CHUNK:]
        for line in lines:
            if line.startswith(b"progress "):
                self._on_line(line.decode(errors="replace"))
        return True

    def _end(self, code: int) -> None:
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        self._log.close()
        if not self.code.done():
            self.code.set_result(code)


def _not_there(command: str) -> str:
    """In the words of Argo's executor."""
    where = f"stat {command}: no such file or directory" if "/" in command else "executable file not found in $PATH"
    return f'failed to find name in PATH: exec: "{command}": {where}'


def last_line(log: Path) -> str:
    """The last line that a step wrote and that is not empty, at most 400 characters of it."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - CHUNK))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip()[:400] for line in reversed(lines) if line.strip()), "")
