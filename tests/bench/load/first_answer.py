"""How long until a server answers: connects and asks again every 2 ms until the answer is the right one."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from tests.bench.load.errors import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.load.closed_loop import Connection

PAUSE_S = 0.002
_ANSWER_S = 20.0


def wait_for_answer(port: int, connect: Callable[[], Connection], alive: Callable[[], bool], timeout_s: float) -> float:
    """Returns time.perf_counter() of the first right answer.

    Raises:
        BadAnswer: the process ended, or the time is over; says what the last try gave.
    """
    until, last = time.perf_counter() + timeout_s, "nothing listens"
    while time.perf_counter() < until:
        if not alive():
            raise BadAnswer(f"the process ended; the last try: {last}")
        try:
            ask_once(port, connect())
        except (BadAnswer, OSError) as error:
            last = str(error)
        else:
            return time.perf_counter()
        time.sleep(PAUSE_S)
    raise BadAnswer(f"no right answer within {timeout_s:.0f} s; the last try: {last}")


def ask_once(port: int, connection: Connection) -> None:
    """One request over a connection of its own.

    Raises:
        BadAnswer: the answer is not right.
        OSError: nothing listens, or it hung up.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_S) as sock:
        connection.ask()
        answered = False
        while not answered:
            if connection.outgoing:
                sock.sendall(connection.outgoing)
                connection.outgoing = b""
            data = sock.recv(1 << 18)
            if not data:
                raise BadAnswer("the server closed the connection")
            answered = connection.receive(data)
