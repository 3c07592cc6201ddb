"""RelayClient: in a transport process, what its transports ask: sends requests up and hands the answers back."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING, Any, cast

from serving.errors import Code
from serving.exchange import HttpResponse
from serving.relay.frame_writer import FrameWriter
from serving.relay.relay_protocol import (
    MAX_BODY_BYTES,
    NEVER,
    Frame,
    FrameReader,
    Kind,
    RelayError,
    pack_headers,
    unpack_headers,
)
from serving.rest.http_response import page

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.exchange import Headers, HttpRequest, RpcCall, RpcHandler

log = logging.getLogger(__name__)
# How soon the main process hears of a call that nobody waits for any more.
_SWEEP_S = 0.1
_MAX_CACHED = 1024


class RelayClient(asyncio.Protocol):
    """The RpcLookup and the HttpHandler of a transport process; on its event loop's thread.

    Args:
      lost: Called when the main process has gone.

    Attributes:
      settings: What the main process says first.
      drain: For how many seconds requests in flight may go on, once it says that this process must end.
      methods: The RPCs that there are; others are UNIMPLEMENTED without asking.
      max_waiting_bytes: Of requests that the main process has not taken; beyond them new ones are refused.
    """

    def __init__(self, lost: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._lost = lost
        self._reader = FrameReader()
        self._last = 0
        self._calls: dict[int, RpcCall] = {}
        self._answers: dict[int, Callable[[HttpResponse], None]] = {}
        self._packed: dict[tuple[Any, ...], bytes] = {}
        self._headers: dict[bytes, Headers] = {b"": ()}
        self._is_full = False
        self._sweeper: asyncio.TimerHandle | None = None
        self.settings: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self.drain: asyncio.Future[float] = self._loop.create_future()
        self.methods: frozenset[str] = frozenset()
        self.max_waiting_bytes = MAX_BODY_BYTES

    # -- the transports' side

    def lookup(self, method: str) -> RpcHandler | None:
        """The RpcLookup."""
        return self._rpc if method in self.methods else None

    def http(self, request: HttpRequest, answer: Callable[[HttpResponse], None]) -> None:
        """The HttpHandler."""
        if self._is_overfull():
            answer(page(503))
            return
        head = self._pack(request.headers, request.method.encode("latin-1"), request.target)
        self._last += 1
        self._answers[self._last] = answer
        self._writer.send(Kind.HTTP, self._last, head=head, body=request.body)

    def listening(self) -> None:
        """Tells the main process that connections are taken."""
        self._writer.send(Kind.LISTENING)

    def close(self) -> None:
        """Says no more."""
        if self._sweeper:
            self._sweeper.cancel()
        self._writer.flush()
        self._transport.close()

    def _rpc(self, call: RpcCall) -> None:
        if self._is_overfull():
            call.fail(Code.RESOURCE_EXHAUSTED, f"More than {self.max_waiting_bytes} bytes wait, try again later")
            return
        head = self._pack(call.metadata, call.method.encode("latin-1"))
        seconds = NEVER if call.deadline is None else call.deadline - time.monotonic()
        self._last += 1
        self._calls[self._last] = call
        self._writer.send(Kind.RPC, self._last, seconds=seconds, head=head, body=call.message)
        # From now on it is the main process that holds it.
        call.message = b""
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    def _pack(self, headers: Headers, *before: bytes) -> bytes:
        """Clients repeat themselves, so the last heads are kept."""
        key = (*before, tuple(headers))
        head = self._packed.get(key)
        if head is None:
            if len(self._packed) >= _MAX_CACHED:
                self._packed.clear()
            head = self._packed[key] = pack_headers(headers, *before)
        return head

    def _is_overfull(self) -> bool:
        return self._is_full and self._transport.get_write_buffer_size() > self.max_waiting_bytes

    def _sweep(self) -> None:
        """Tells of calls that nobody waits for."""
        gone = [number for number, call in self._calls.items() if call.cancelled]
        for number in gone:
            del self._calls[number]
            self._writer.send(Kind.CANCEL, number)
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep) if self._calls else None

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self._writer = FrameWriter(self._loop, self._transport)

    def data_received(self, data: bytes) -> None:
        """Routes answers; what is not understood ends the process, since nothing after it would be."""
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
        except (RelayError, ValueError) as error:
            log.error("The main process is not understood: %s", error)  # noqa: TRY400 - the sentence says it all
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """No answer will come."""
        self._lost()

    def pause_writing(self) -> None:
        """The main process is behind."""
        self._is_full = True

    def resume_writing(self) -> None:
        """It is not any more."""
        self._is_full = False

    def _take(self, frame: Frame) -> None:
        kind = frame.kind
        if kind == Kind.REPLY:
            if call := self._calls.pop(frame.call, None):
                call.reply(frame.body, self._pairs(frame.head))
        elif kind == Kind.RESPONSE:
            if answer := self._answers.pop(frame.call, None):
                answer(HttpResponse(frame.code, self._pairs(frame.head), frame.body))
        elif kind == Kind.FAILURE:
            if call := self._calls.pop(frame.call, None):
                call.fail(Code(frame.code), frame.body.decode("utf-8", "replace"), self._pairs(frame.head))
        else:
            self._obey(frame)

    def _obey(self, frame: Frame) -> None:
        if frame.kind == Kind.SETTINGS and not self.settings.done():
            self.settings.set_result(json.loads(frame.body))
        elif frame.kind == Kind.DRAIN and not self.drain.done():
            self.drain.set_result(frame.seconds)
        else:
            raise RelayError(f"A frame of kind {frame.kind} is not for a transport process")

    def _pairs(self, head: bytes) -> Headers:
        headers = self._headers.get(head)
        if headers is None:
            if len(self._headers) >= _MAX_CACHED:
                self._headers.clear()
            headers = self._headers[head] = unpack_headers(head)[1]
        return headers
