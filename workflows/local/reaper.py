"""Kills what a run leaves behind when its engine dies: a tiny process beside the engine, started as a script.

Its stdin is a pipe whose other end only the engine has: `+<group>` and `-<group>` lines say which process groups are
alive, and the end of the file, that the engine is gone, be it by SIGKILL. Then every group that is left, and every
process that carries the run's mark in its environment (also one that left its group), gets SIGKILL.
Standard library only and no import of this package: it must start within milliseconds.
"""

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Whatever carries the mark dies, so it must be one that nothing else can carry: a name and 128 random bits.
MARK = re.compile(rb"SHIPWAY_RUN=[0-9a-f]{32}")
ROUNDS = 3  # a process caught between fork and exec has no mark yet, so look again
PAUSE_S = 0.02


def marked(mark: bytes) -> list[int]:
    """The processes that have exactly `mark` as an entry of their environment; none where there is no /proc."""
    found = []
    root = Path("/proc")
    for entry in root.iterdir() if root.is_dir() else ():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):  # it ended, or is another user's
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def kill_all(groups: set[int], mark: bytes) -> None:
    """Kills every group and every marked process, and looks again until none is left."""
    for group in groups:
        _kill(os.killpg, group)
    for _ in range(ROUNDS):
        for pid in marked(mark):
            _kill(os.kill, pid)
        time.sleep(PAUSE_S if groups else 0)


def _kill(send: Callable[[int, int], None], target: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        send(target, signal.SIGKILL)


def main() -> None:
    """Follows stdin to its end, then kills."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    mark = sys.argv[1].encode()
    if not MARK.fullmatch(mark):
        sys.exit("reaper: the mark must be SHIPWAY_RUN= and 32 hexadecimal digits")
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        if line.startswith(b"+"):
            groups.add(int(line[1:]))
        else:
            groups.discard(int(line[1:]))
    kill_all(groups, mark)


if __name__ == "__main__":
    main()
