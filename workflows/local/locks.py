"""Mutexes: one holder at a time within the run and, by a file lock, among all runs on this machine.

A file lock goes with the process that holds it, so a killed run leaves none behind.
Source: workflow/sync of Argo Workflows 4.0; waiting nodes get a mutex in the order in which they asked.
"""

import fcntl
import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path


class _Mutex:
    """One mutex: who has it, who waits, and the file that other runs see."""

    def __init__(self, path: Path, wake: Callable[[], None]) -> None:
        self.path = path
        self.holder = ""
        self.queue: list[str] = []
        self._wake = wake
        self._file: int | None = None
        self._asking = False
        self._closed = False

    def acquire(self, who: str) -> bool:
        if self.holder == who:
            return True
        if who not in self.queue:
            self.queue.append(who)
        if self.holder or self.queue[0] != who or not self._lock_file():
            return False
        self.holder = self.queue.pop(0)
        return True

    def release(self, who: str) -> None:
        if who in self.queue:
            self.queue.remove(who)
        if self.holder == who:
            self.holder = ""
            self._unlock_file()
            self._wake()

    def _lock_file(self) -> bool:
        """Takes the file's lock; where another run has it, has a thread wait for it, which then wakes the run."""
        if self._file is not None:
            return True
        if self._asking:
            return False
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._asking = True
            threading.Thread(target=self._wait, args=(file,), daemon=True).start()
            return False
        self._file = file
        return True

    def _wait(self, file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)
        self._file = file
        self._asking = False
        if self._closed:
            self._unlock_file()
        self._wake()

    def _unlock_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def close(self) -> None:
        """Lets go for good; a thread that still waits for the file lets go as soon as it gets it."""
        self._closed = True
        self.holder, self.queue = "", []
        self._unlock_file()

    def abandon(self) -> None:
        """Lets go of a lock that nobody here waits for any more."""
        if not self.holder and not self.queue:
            self._unlock_file()


class Locks:
    """Every mutex of a run, by name `<namespace>/Mutex/<name>`."""

    def __init__(self, directory: Path, wake: Callable[[], None]) -> None:
        """`wake` is called, from any thread, when a mutex may be had that could not be before."""
        self._directory = directory
        self._wake = wake
        self._mutexes: dict[str, _Mutex] = {}

    def acquire(self, who: str, names: Sequence[str]) -> str:
        """Takes every mutex in `names` for `who`; gives the first one that must be waited for, or "".

        They are taken in the order of their names, by everyone, so that no two can wait for each other.
        """
        return next((name for name in sorted(names) if not self._mutex(name).acquire(who)), "")

    def tidy(self, ended: Callable[[str], bool]) -> None:
        """Gives back what those who have ended have, and forgets what they waited for."""
        for mutex in self._mutexes.values():
            for who in [mutex.holder, *mutex.queue]:
                if who and ended(who):
                    mutex.release(who)
            mutex.abandon()

    def close(self) -> None:
        """Gives back everything: the run has ended."""
        for mutex in self._mutexes.values():
            mutex.close()

    def _mutex(self, name: str) -> _Mutex:
        if name not in self._mutexes:
            self._directory.mkdir(parents=True, exist_ok=True)
            path = self._directory / (re.sub(r"[^A-Za-z0-9.-]", "_", name) + ".lock")
            self._mutexes[name] = _Mutex(path, self._wake)
        return self._mutexes[name]
