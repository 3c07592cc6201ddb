"""Kills what a run leaves behind when its engine dies: a tiny process beside the engine, started as a script.

Its stdin is a pipe whose other end only the engine has: `+<group>` and `-<group>` lines say which process groups are
alive, and the end of the file, that the engine is gone, be it by SIGKILL. Then every group that is left, and every
process that carries the run's mark in its environment (also one that left its group), gets SIGKILL.
Standard library only and no import of this package: it must start within milliseconds.
"""

import os
import signal
import sys
import time

ROUNDS = 3  # a process caught between fork and exec has no mark yet, so look again
PAUSE_S = 0.02


def marked(mark: bytes) -> list[int]:
    """The processes whose environment holds `mark`; none where there is no /proc."""
    found = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if entry.isdecimal() and int(entry) != os.getpid():
            try:
                with open(f"/proc/{entry}/environ", "rb") as environment:
                    if mark in environment.read():
                        found.append(int(entry))
            except OSError:
                continue  # it ended, or is another user's
    return found


def kill_all(groups: set[int], mark: bytes) -> None:
    """Kills every group and every marked process, and looks again until none is left."""
    for group in groups:
        _kill(os.killpg, group)
    for _ in range(ROUNDS):
        for pid in marked(mark):
            _kill(os.kill, pid)
        time.sleep(PAUSE_S if groups else 0)


def _kill(send: "object", target: int) -> None:
    try:
        send(target, signal.SIGKILL)  # type: ignore[operator]
    except (ProcessLookupError, PermissionError):
        pass


def main() -> None:
    """Follows stdin to its end, then kills."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        if line.startswith(b"+"):
            groups.add(int(line[1:]))
        else:
            groups.discard(int(line[1:]))
    kill_all(groups, sys.argv[1].encode())


if __name__ == "__main__":
    main()
