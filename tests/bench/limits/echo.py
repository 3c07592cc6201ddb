"""The limit of a transport: reads a whole request, answers with ready bytes of the size of the real answer. No model.

Plain asyncio protocols on uvloop, one thread: nothing that reads a request and writes an answer in Python is cheaper.
Requests and answers have TensorFlow Serving's form. Started with the same arguments as a peer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import uvloop
from hpack import Encoder

from tests.bench.load import http2_frames as h2
from tests.bench.wire import predict_response

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD_BYTES = 120
_WINDOW = 2**30


class Http1Echo(asyncio.Protocol):
    """HTTP/1.1: `answers` by the path's end of a request."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._parts: list[bytes] = []
        self._missing = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Keeps the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers when the body is complete."""
        if not self._missing:
            head = data.index(b"\r\n\r\n")
            start = data.index(b"Content-Length: ") + 16
            self._missing = head + 4 + int(data[start : data.index(b"\r", start)])
            self._parts = []
        self._parts.append(data)
        self._missing -= len(data)
        if not self._missing:
            self._transport.write(choose(self._answers, b"".join(self._parts)))


class GrpcEcho(asyncio.Protocol):
    """Unary gRPC: `answers` by the model's name at the head of the message."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        encoder = Encoder()
        head, tail = [(":status", "200"), ("content-type", "application/grpc")], [("grpc-status", "0")]
        self._first, self._later = [(encoder.encode(head), encoder.encode(tail)) for _ in range(2)]
        self._answers = answers
        self._received = b""
        self._message = bytearray()
        self._consumed = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Opens the windows wide."""
        self._transport = transport
        sizes = {h2.INITIAL_WINDOW_SIZE: h2.LARGEST_WINDOW}
        transport.write(h2.settings(sizes) + h2.window_update(0, _WINDOW))

    def data_received(self, data: bytes) -> None:
        """Answers every stream that ended, in one write."""
        if not self._received and data.startswith(h2.PREFACE):
            data = data[len(h2.PREFACE) :]
        data = self._received + data
        start, out = 0, []
        while len(data) - start >= 9:
            end = start + 9 + int.from_bytes(data[start : start + 3], "big")
            if end > len(data):
                break
            if data[start + 3] == h2.DATA:
                out.append(self._data(data[start + 4], data[start + 5 : start + 9], data[start + 9 : end]))
            start = end
        self._received = data[start:]
        if out:
            self._transport.write(b"".join(out))

    def _data(self, flags: int, stream: bytes, payload: bytes) -> bytes:
        self._message += payload
        self._consumed += len(payload)
        if not flags & h2.END_STREAM:
            return b""
        answer = choose(self._answers, self._message)
        self._message = bytearray()
        number = int.from_bytes(stream, "big")
        head, tail = self._first if number == 1 else self._later
        frames = h2.frame(h2.HEADERS, h2.END_HEADERS, number, head) + h2.frame(h2.DATA, 0, number, answer)
        return frames + h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, number, tail) + self._topped_up()

    def _topped_up(self) -> bytes:
        if self._consumed < _WINDOW // 2:
            return b""
        update = h2.window_update(0, self._consumed)
        self._consumed = 0
        return update


def choose(answers: dict[bytes, bytes], request: bytes | bytearray) -> bytes:
    """The answer whose model the head of the request names."""
    head = bytes(request[:_HEAD_BYTES])
    return next(answer for name, answer in answers.items() if name in head)


def http_answer(y: np.ndarray[Any, Any]) -> bytes:
    """<float32>[10] in TensorFlow Serving's row form."""
    body = json.dumps({"predictions": [y.astype(float).round(8).tolist()]}, indent=4).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def grpc_answer(name: str, y: np.ndarray[Any, Any]) -> bytes:
    """<float32>[10] in a PredictResponse, with gRPC's prefix."""
    message = predict_response(name, 1, y.reshape(1, -1))
    return b"\0" + len(message).to_bytes(4, "big") + message


async def main() -> None:
    """Serves both until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--grpc-port", type=int)
    parser.add_argument("--rest-port", type=int)
    parser.add_argument("--models", type=Path)
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    y = {name: np.load(options.models / name / "case.npz")["y"] for name in options.names}
    http = {name.encode(): http_answer(each) for name, each in y.items()}
    grpc = {name.encode(): grpc_answer(name, each) for name, each in y.items()}
    await _listen(options.rest_port, lambda: Http1Echo(http))
    server = await _listen(options.grpc_port, lambda: GrpcEcho(grpc))
    await server.serve_forever()


async def _listen(port: int, protocol: Callable[[], asyncio.Protocol]) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main())
