"""Requests of every kind, good and bad, as fast as they go, and what the server holds meanwhile; growth must end.

python -m tests.bench.endurance 1000000
"""

from __future__ import annotations

import json
import random
import socket
import struct
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

from tests.bench.environments import ROOT
from tests.bench.load import http2_frames as h2
from tests.bench.load.errors import BadAnswer
from tests.bench.load.grpc_connection import GrpcConnection
from tests.bench.load.http1_connection import Http1Connection, post
from tests.bench.processes import free_ports, marked, running
from tests.bench.switches import MODEL, Server, _Anything, variants
from tests.bench.targets import PREDICT
from tests.bench.wire import instances, predict_request

if TYPE_CHECKING:
    from collections.abc import Callable

_TIMEOUT_S = 30.0
_BIG_ROWS = 300
X = np.full((1, 784), 0.5, np.float32)


@dataclass(frozen=True)
class Held:
    """What a process holds after so many requests."""

    requests: int
    rss: int
    threads: int
    descriptors: int


@dataclass
class Mix:
    """Sends requests of all kinds to one server; `refused` counts those that were refused, as most should be."""

    grpc_port: int
    rest_port: int
    model: str = MODEL
    x: np.ndarray = field(default_factory=lambda: X)
    random: random.Random = field(default_factory=lambda: random.Random(4))  # noqa: S311 - not for secrets
    sent: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        """Keeps one connection of each protocol."""
        self._kept: dict[bytes, tuple[socket.socket, Http1Connection]] = {}
        self._kept_grpc: dict[bytes, tuple[socket.socket, GrpcConnection]] = {}
        path = f"/v1/models/{self.model}:predict"
        body, message = instances(self.model, self.x), predict_request(self.model, self.x)
        rows = np.repeat(self.x, _BIG_ROWS, axis=0)
        big, big_message = post(path, instances(self.model, rows), "here"), predict_request(self.model, rows)
        rest = [
            post(path, body, "here"),
            post(path, body[:-9], "here"),
            post(path, b'{"instances": [[1, 2], [3]]}', "here"),
            post(path, b'{"instances": [{"gone": 1}]}', "here"),
            post(path, b'{"instances": "\xff"}', "here"),
            b"GET /v1/models/gone HTTP/1.1\r\nHost: here\r\n\r\n",
            b"GET /v1/models/%s/metadata HTTP/1.1\r\nHost: here\r\n\r\n" % self.model.encode(),
        ]
        grpc = [
            (PREDICT, message),
            (PREDICT, message[:-9]),
            (PREDICT, predict_request(self.model, self.x.reshape(-1)[:1])),
            (PREDICT, b"\xff" * 50),
            ("/gone/Gone", message),
        ]
        self._steps: list[tuple[Callable[[], int], int]] = [
            (lambda: self._rest_kept(self.random.choice(rest)), 30),
            (lambda: self._rest_kept(self._unknown_model(body)), 10),
            (lambda: self._grpc_kept(*self.random.choice(grpc)), 30),
            (lambda: self._grpc_kept(PREDICT, self._unknown_grpc()), 10),
            (lambda: self._once(self.rest_port, Http1Connection(rest[0], _Anything())), 4),
            (lambda: self._once(self.grpc_port, self._grpc(PREDICT, message)), 4),
            (lambda: self._broken_off(self.rest_port, rest[0]), 3),
            (lambda: self._broken_off(self.grpc_port, self._call(message)), 3),
            (lambda: self._cancelled(message), 3),
            (lambda: self._rest_kept(big), 1),
            (lambda: self._grpc_kept(PREDICT, big_message), 1),
        ]

    def send(self, count: int) -> None:
        """About so many requests."""
        until = self.sent + count
        steps, weights = [step for step, _ in self._steps], [weight for _, weight in self._steps]
        while self.sent < until:
            for step in self.random.choices(steps, weights, k=100):
                self.sent += step()

    def close(self) -> None:
        """Ends its connections."""
        for sock, _ in [*self._kept.values(), *self._kept_grpc.values()]:
            sock.close()

    def _unknown_model(self, body: bytes) -> bytes:
        """A name that was never asked for before."""
        return post(f"/v1/models/m{self.random.getrandbits(60)}:predict", body, "here")

    def _unknown_grpc(self) -> bytes:
        return predict_request(f"m{self.random.getrandbits(60)}", self.x)

    def _grpc(self, path: str, message: bytes) -> GrpcConnection:
        return GrpcConnection(path, "here", message, _Anything())

    def _rest_kept(self, request: bytes) -> int:
        """Over the connection that is kept, while the server keeps it."""
        kept = self._kept.pop(b"", None) or (self._connected(self.rest_port), Http1Connection(request, _Anything()))
        kept[1]._request = request
        if self._asked(*kept):
            self._kept[b""] = kept
        return 1

    def _grpc_kept(self, path: str, message: bytes) -> int:
        key = path.encode()
        kept = self._kept_grpc.pop(key, None) or (self._connected(self.grpc_port), self._grpc(path, message))
        kept[1]._message = b"\0" + len(message).to_bytes(4, "big") + message
        if self._asked(*kept):
            self._kept_grpc[key] = kept
        return 1

    def _once(self, port: int, connection: Http1Connection | GrpcConnection) -> int:
        with self._connected(port) as sock:
            self._asked(sock, connection)
        return 1

    def _asked(self, sock: socket.socket, connection: Http1Connection | GrpcConnection) -> bool:
        """Waits for the answer; whether the connection goes on."""
        connection.ask()
        try:
            while True:
                if connection.outgoing:
                    sock.sendall(connection.outgoing)
                    connection.outgoing = b""
                data = sock.recv(1 << 18)
                if not data:
                    raise BadAnswer("the server closed the connection", fatal=True)  # noqa: TRY301
                if connection.receive(data):
                    return True
        except BadAnswer as error:
            self.refused += 1
            connection._received = b""
            if error.fatal:
                sock.close()
            return not error.fatal

    def _broken_off(self, port: int, request: bytes) -> int:
        """Ends the connection in the middle of a request, now and then with a reset."""
        with self._connected(port) as sock:
            sock.sendall(request[: self.random.randrange(1, len(request))])
            if self.random.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return 1

    def _cancelled(self, message: bytes) -> int:
        """Takes calls back."""
        call = self._call(message)
        reset = h2.frame(h2.RST_STREAM, 0, 1, (8).to_bytes(4, "big"))
        with self._connected(self.grpc_port) as sock, suppress(OSError):
            sock.sendall(call + reset)
            sock.recv(100)
        return 1

    def _call(self, message: bytes) -> bytes:
        connection = self._grpc(PREDICT, message)
        connection.ask()
        return bytes(connection.outgoing)

    def _connected(self, port: int) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


def held(process: psutil.Process, requests: int) -> Held:
    """What it holds now."""
    return Held(requests, process.memory_info().rss, process.num_threads(), process.num_fds())


def main() -> None:
    """Prints a line for each twentieth."""
    total = int(sys.argv[1])
    grpc_port, rest_port = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="shipway-endurance-") as name:
        folder = Path(name)
        base = folder / MODEL
        base.mkdir()
        (base / "1").symlink_to(variants() / "0")
        line = [sys.executable, "-m", "serving", f"--port={grpc_port}", f"--rest_api_port={rest_port}"]
        line += [f"--model_name={MODEL}", f"--model_base_path={base}", *sys.argv[2:]]
        environment = {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
        with running(line, environment, folder / "server", folder / "log") as server:
            Server(grpc_port, rest_port, base).wait_until_available(1)
            process = psutil.Process(marked(server.mark)[0].pid)
            mix, started = Mix(grpc_port, rest_port), time.monotonic()
            for _ in range(20):
                mix.send(total // 20)
                found = {**held(process, mix.sent).__dict__, "refused": mix.refused}
                print(json.dumps({**found, "seconds": round(time.monotonic() - started, 1)}), flush=True)  # noqa: T201
            print((folder / "log").read_text()[-2000:])  # noqa: T201


if __name__ == "__main__":
    main()
