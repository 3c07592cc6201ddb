"""Keeps every connection busy with one request at a time, on one thread and one epoll; notes each answer's latency."""

from __future__ import annotations

import gc
import select
import socket
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tests.bench.load.errors import BadAnswer, WrongNumbers

if TYPE_CHECKING:
    from collections.abc import Callable

_RECEIVE = 1 << 18
_DRAIN_S = 20.0
_GIVE_UP_AFTER = 50


class Connection(Protocol):
    """What speaks one protocol over one socket."""

    outgoing: bytes | memoryview

    def ask(self) -> None:
        """Puts the next request into `outgoing`."""

    def receive(self, data: bytes) -> bool:
        """Takes bytes; True when they end an answer. Raises BadAnswer."""


@dataclass
class Outcome:
    """What one stretch of the loop saw: `seconds` of asking, `elapsed` until the last answer.

    `latencies` in nanoseconds, of all answers; the first `in_time` of them came within `seconds`.
    """

    seconds: float = 0.0
    elapsed: float = 0.0
    latencies: array[int] = field(default_factory=lambda: array("q"))
    in_time: int = 0
    errors: Counter[str] = field(default_factory=Counter)


@dataclass
class _Slot:
    sock: socket.socket
    connection: Connection
    started: int = 0
    wants_to_write: bool = False


class ClosedLoop:
    """`count` connections to one port of this machine.

    `connect` makes the protocol of a fresh connection.
    """

    def __init__(self, port: int, connect: Callable[[], Connection], count: int) -> None:
        self._address = ("127.0.0.1", port)
        self._connect = connect
        self._poll = select.epoll()
        self._slots: dict[int, _Slot] = {}
        self._failed_in_a_row = 0
        for _ in range(count):
            self._open()

    def close(self) -> None:
        """Ends every connection."""
        for slot in self._slots.values():
            slot.sock.close()
        self._poll.close()

    def run(self, seconds: float) -> Outcome:
        """Asks for that long, then waits for what is still to come.

        Raises:
            BadAnswer: too many failures in a row, or no answer at all for a while.
        """
        outcome = Outcome()
        gc.disable()
        start = time.perf_counter_ns()
        self._until = start + int(seconds * 1e9)
        self._busy = 0
        for slot in list(self._slots.values()):
            self._ask(slot)
        try:
            self._loop(outcome)
        finally:
            gc.enable()
        outcome.seconds, outcome.elapsed = seconds, (time.perf_counter_ns() - start) / 1e9
        return outcome

    def _loop(self, outcome: Outcome) -> None:
        while self._busy > 0:
            events = self._poll.poll(_DRAIN_S)
            if not events:
                raise BadAnswer(f"{self._busy} connections had no answer for {_DRAIN_S:.0f} s; {dict(outcome.errors)}")
            for descriptor, event in events:
                slot = self._slots.get(descriptor)
                if slot is not None:
                    self._serve(slot, event, outcome)

    def _serve(self, slot: _Slot, event: int, outcome: Outcome) -> None:
        try:
            if event & ~select.EPOLLOUT and slot.connection.receive(_read(slot.sock)):
                self._note(slot, outcome)
                self._failed_in_a_row = 0
                self._ask(slot)
            if slot.connection.outgoing:
                self._flush(slot)
        except WrongNumbers:
            raise
        except (BadAnswer, OSError) as error:
            self._fail(slot, error, outcome)

    def _note(self, slot: _Slot, outcome: Outcome) -> None:
        now = time.perf_counter_ns()
        outcome.latencies.append(now - slot.started)
        outcome.in_time += now <= self._until
        self._busy -= 1

    def _ask(self, slot: _Slot) -> None:
        now = time.perf_counter_ns()
        if now < self._until:
            slot.started = now
            self._busy += 1
            slot.connection.ask()
            self._flush(slot)

    def _fail(self, slot: _Slot, error: Exception, outcome: Outcome) -> None:
        outcome.errors[str(error)] += 1
        self._busy -= 1
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= _GIVE_UP_AFTER:
            raise BadAnswer(f"{_GIVE_UP_AFTER} failures in a row, the last: {error}", fatal=True)
        if getattr(error, "fatal", True):
            self._drop(slot)
            slot = self._open()
        self._ask(slot)

    def _flush(self, slot: _Slot) -> None:
        outgoing = slot.connection.outgoing
        try:
            sent = slot.sock.send(outgoing)
        except BlockingIOError:
            sent = 0
        rest = memoryview(outgoing)[sent:] if sent < len(outgoing) else b""
        slot.connection.outgoing = rest
        if bool(rest) != slot.wants_to_write:
            slot.wants_to_write = bool(rest)
            self._poll.modify(slot.sock, select.EPOLLIN | (select.EPOLLOUT if rest else 0))

    def _open(self) -> _Slot:
        sock = socket.create_connection(self._address, timeout=10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)  # noqa: FBT003 - its only argument
        slot = _Slot(sock, self._connect())
        self._slots[sock.fileno()] = slot
        self._poll.register(sock, select.EPOLLIN)
        return slot

    def _drop(self, slot: _Slot) -> None:
        del self._slots[slot.sock.fileno()]
        slot.sock.close()


def _read(sock: socket.socket) -> bytes:
    data = sock.recv(_RECEIVE)
    if not data:
        raise BadAnswer("the server closed the connection", fatal=True)
    return data
