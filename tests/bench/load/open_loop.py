"""Asks at a constant rate, whether answers come or not; latency counts from when a request was due, not when it left.

As a process: what to ask as JSON on the first line of standard input; it asks until that input ends, then writes the
records as <int64>[requests, 4] to a file (due and answered by time.monotonic_ns(), the answer's tag, the target's
position), and the texts of failures as JSON to standard output. A request that failed has the tag -1.
"""

from __future__ import annotations

import gc
import json
import select
import socket
import sys
import time
from array import array
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.load.closed_loop import _read
from tests.bench.load.errors import BadAnswer
from tests.bench.load.grpc_connection import GrpcConnection
from tests.bench.load.http1_connection import Http1Connection, post
from tests.bench.load.tagged import FAILED, Tagger

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.load.closed_loop import Connection

# To each target, opened ahead; when all are busy a request waits for one, which its latency counts.
CONNECTIONS = 16
_DRAIN_NS = 20_000_000_000
_COLUMNS = 4


@dataclass(frozen=True)
class Asked:
    """What is asked of one port: `path` is a gRPC method or a REST path, `body` a file."""

    port: int
    protocol: str
    path: str
    body: str


@dataclass(frozen=True)
class OpenLoad:
    """Targets in turn, `rate` requests a second in all; `answers[tag]` are the numbers of an answer with that tag."""

    targets: list[Asked]
    answers: list[list[float]]
    rate: float
    records: str


@dataclass
class _Slot:
    sock: socket.socket
    connection: Connection
    target: int
    due: int = 0


@dataclass
class _Target:
    """A port, what makes the protocol of a connection to it, and its connections that wait for a request."""

    port: int
    connect: Callable[[], Connection]
    tagger: Tagger
    idle: list[_Slot] = field(default_factory=list)
    waiting: deque[int] = field(default_factory=deque)
    connections: int = 0


class OpenLoop:
    """One thread; requests go to the targets in turn."""

    def __init__(self, load: OpenLoad) -> None:
        self.records = array("q")
        self.failures: Counter[str] = Counter()
        self._step_ns = int(1e9 / load.rate)
        self._targets = [_target(asked, load.answers) for asked in load.targets]
        self._slots: dict[int, _Slot] = {}
        self._busy = 0
        for number in range(CONNECTIONS * len(self._targets)):
            slot = self._open(number % len(self._targets))
            self._targets[slot.target].idle.append(slot)

    def run(self, control: int) -> None:
        """Asks until the descriptor `control` is readable, then waits for what is still to come."""
        due, turns, until = time.monotonic_ns(), cycle(range(len(self._targets))), 0
        while not until or (self._busy and time.monotonic_ns() < until):
            while not until and due <= time.monotonic_ns():
                self._due(next(turns), due)
                due += self._step_ns
            wait = max(0, (until or due) - time.monotonic_ns()) / 1e9
            watched = [*self._slots, *([] if until else [control])]
            for descriptor in select.select(watched, [], [], wait)[0]:
                if descriptor == control:
                    until = time.monotonic_ns() + _DRAIN_NS
                elif slot := self._slots.get(descriptor):
                    self._receive(slot)
        self._give_up()

    def _due(self, number: int, due: int) -> None:
        target = self._targets[number]
        self._busy += 1
        try:
            if target.idle:
                self._ask(target.idle.pop(), due)
            elif target.connections < CONNECTIONS:
                self._ask(self._open(number), due)
            else:
                target.waiting.append(due)
        except OSError as error:
            self._note(number, due, FAILED, error)

    def _open(self, number: int) -> _Slot:
        target = self._targets[number]
        sock = socket.create_connection(("127.0.0.1", target.port), timeout=5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        slot = self._slots[sock.fileno()] = _Slot(sock, target.connect(), number)
        target.connections += 1
        return slot

    def _ask(self, slot: _Slot, due: int) -> None:
        slot.due = due
        slot.connection.ask()
        self._flush(slot)

    def _flush(self, slot: _Slot) -> None:
        try:
            if slot.connection.outgoing:
                slot.sock.sendall(slot.connection.outgoing)
                slot.connection.outgoing = b""
        except OSError as error:
            self._fail(slot, error, fatal=True)

    def _receive(self, slot: _Slot) -> None:
        try:
            if slot.connection.receive(_read(slot.sock)):
                self._answered(slot, self._targets[slot.target].tagger.last)
            self._flush(slot)
        except (BadAnswer, OSError) as error:
            self._fail(slot, error, fatal=getattr(error, "fatal", True))

    def _answered(self, slot: _Slot, tag: int, error: Exception | None = None) -> None:
        target = self._targets[slot.target]
        self._note(slot.target, slot.due, tag, error)
        slot.due = 0
        if target.waiting:
            self._ask(slot, target.waiting.popleft())
        else:
            target.idle.append(slot)

    def _fail(self, slot: _Slot, error: Exception, *, fatal: bool) -> None:
        if not fatal and slot.due:
            self._answered(slot, FAILED, error)
            return
        if slot.due:
            self._note(slot.target, slot.due, FAILED, error)
        target = self._targets[slot.target]
        target.connections -= 1
        if slot in target.idle:
            target.idle.remove(slot)
        self._slots.pop(slot.sock.fileno(), None)
        slot.sock.close()

    def _note(self, number: int, due: int, tag: int, error: Exception | None) -> None:
        self._busy -= 1
        self.records.extend((due, time.monotonic_ns(), tag, number))
        if error is not None:
            self.failures[f"{type(error).__name__}: {error}"] += 1

    def _give_up(self) -> None:
        lost = BadAnswer(f"no answer within {_DRAIN_NS / 1e9:.0f} s")
        for slot in [slot for slot in self._slots.values() if slot.due]:
            self._note(slot.target, slot.due, FAILED, lost)
        for number, target in enumerate(self._targets):
            for due in target.waiting:
                self._note(number, due, FAILED, lost)
        for slot in self._slots.values():
            slot.sock.close()


def _target(asked: Asked, answers: list[list[float]]) -> _Target:
    authority, body = f"127.0.0.1:{asked.port}", Path(asked.body).read_bytes()
    tagger = Tagger(answers, is_json=asked.protocol == "rest")
    if asked.protocol == "rest":
        request = post(asked.path, body, authority)
        return _Target(asked.port, lambda: Http1Connection(request, tagger), tagger)
    return _Target(asked.port, lambda: GrpcConnection(asked.path, authority, body, tagger), tagger)


def main() -> None:
    """Reads, asks, writes."""
    given = json.loads(sys.stdin.readline())
    load = OpenLoad(**{**given, "targets": [Asked(**each) for each in given["targets"]]})
    loop = OpenLoop(load)
    gc.disable()
    loop.run(sys.stdin.fileno())
    np.save(load.records, np.frombuffer(loop.records, np.int64).reshape(-1, _COLUMNS))
    print(json.dumps(loop.failures))  # noqa: T201 - its output is its answer


if __name__ == "__main__":
    main()
