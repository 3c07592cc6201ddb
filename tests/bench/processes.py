"""Servers as processes: every descendant is known by a mark in its environment, so none is missed or outlives us."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

MARK = "SHIPWAY_BENCH_MARK"
_STOP_S = 10.0


@dataclass(frozen=True)
class Memory:
    """Bytes resident in a tree of processes: `rss` counts a shared page once a process, `pss` once in all."""

    rss: int
    pss: int
    processes: int


@dataclass(frozen=True)
class Running:
    """A server that was started; `started` by time.perf_counter()."""

    process: subprocess.Popen[bytes]
    mark: str
    started: float
    log: Path

    def tail(self, lines: int = 12) -> str:
        """The end of what it printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def marked(mark: str) -> list[psutil.Process]:
    """Every living process that was started with the mark, by whomever."""
    return [process for process in psutil.process_iter() if _mark_of(process) == mark]


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """User and system time of the processes and of their children that ended."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total


def busy_seconds() -> float:
    """CPU seconds that the whole machine has spent on anything."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)


def memory(mark: str) -> Memory:
    """What the tree has resident now."""
    sizes = []
    for process in marked(mark):
        with contextlib.suppress(psutil.Error):
            info = process.memory_full_info()
            sizes.append((info.rss, info.pss))
    return Memory(sum(rss for rss, _ in sizes), sum(pss for _, pss in sizes), len(sizes))


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nothing listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], cwd: Path, log: Path) -> Iterator[Running]:
    """Starts the command in a session of its own; at the end stops it and all that it started."""
    mark = uuid.uuid4().hex
    cwd.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment, MARK: mark},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Running(process, mark, started, log)
    finally:
        _stop(process, mark)


def _stop(process: subprocess.Popen[bytes], mark: str) -> None:
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_S)
    while left := [each for each in marked(mark) if each.status() != psutil.STATUS_ZOMBIE]:
        for each in left:
            with contextlib.suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(left, timeout=_STOP_S)
    process.wait()


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None
