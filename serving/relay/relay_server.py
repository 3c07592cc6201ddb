"""RelayServer: in the main process, one transport process's requests as calls on the real handlers."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, cast

from serving.errors import Code, from_exception
from serving.exchange import HttpRequest, HttpResponse
from serving.relay.frame_writer import FrameWriter
from serving.relay.relay_protocol import (
    NEVER,
    Frame,
    FrameReader,
    Kind,
    RelayError,
    pack_headers,
    unpack_headers,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.exchange import Headers, HttpHandler, RpcCall, RpcHandler, RpcLookup

log = logging.getLogger(__name__)
_MAX_CACHED = 1024


class RelayCall:
    """An RpcCall whose client is with a transport process."""

    __slots__ = ("_number", "_server", "cancelled", "deadline", "message", "metadata", "method")

    def __init__(self, server: RelayServer, frame: Frame, method: str, metadata: Headers) -> None:
        self._server = server
        self._number = frame.call
        self.method = method
        self.message = frame.body
        self.deadline = None if frame.seconds == NEVER else time.monotonic() + frame.seconds
        self.metadata = metadata
        self.cancelled = False

    def reply(self, message: bytes, trailing_metadata: Headers = ()) -> None:
        """Answers OK with the message."""
        self._server.answer_call(self._number, Kind.REPLY, Code.OK, message, trailing_metadata)

    def fail(self, code: Code, message: str, trailing_metadata: Headers = ()) -> None:
        """Answers with a status other than OK."""
        text = message.encode("utf-8", "replace")
        self._server.answer_call(self._number, Kind.FAILURE, code, text, trailing_metadata)


class RelayServer(asyncio.Protocol):
    """The main process's end of the stream to one transport process; on the event loop's thread.

    While the transport process does not take its answers, no more of its requests are read.

    Args:
      lookup: What answers RPCs.
      http: What answers HTTP.
      settings: Told first, in JSON.
      lost: Called when the stream has ended, for whatever reason.

    Attributes:
      listening: Done when the transport process takes connections.
      is_lost: Whether the stream has ended.
    """

    def __init__(
        self, lookup: RpcLookup, http: HttpHandler | None, settings: bytes, lost: Callable[[], object]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._lookup = lookup
        self._http = http
        self._settings = settings
        self._lost = lost
        self._reader = FrameReader()
        self._calls: dict[int, RelayCall] = {}
        self._methods: dict[bytes, tuple[RpcHandler, str, Headers]] = {}
        self._requests: dict[bytes, tuple[str, bytes, Headers]] = {}
        self._packed: dict[Headers, bytes] = {(): b""}
        self.listening: asyncio.Future[None] = self._loop.create_future()
        self.is_lost = False

    def drain(self, seconds: float) -> None:
        """Tells the transport process to end, with that much time for what is in flight."""
        if not self.is_lost:
            self._writer.send(Kind.DRAIN, seconds=seconds)

    def answer_call(self, number: int, kind: Kind, code: Code, body: bytes, metadata: Headers) -> None:
        """Sends the first answer of a call that somebody waits for; others are dropped."""
        if self._calls.pop(number, None):
            self._writer.send(kind, number, code=code, head=self._pack(metadata), body=body)

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self._writer = FrameWriter(self._loop, self._transport)
        self._writer.send(Kind.SETTINGS, body=self._settings)

    def data_received(self, data: bytes) -> None:
        """Hands requests up; what is not understood ends the stream, and with it the transport process."""
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
        except RelayError as error:
            log.error("A transport process is not understood: %s", error)  # noqa: TRY400 - the sentence says it all
            self._transport.abort()

    def eof_received(self) -> None:
        """The transport process has ended."""
        try:
            self._reader.finish()
        except RelayError as error:
            log.warning("A transport process ended early: %s", error)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Nobody waits for these calls any more."""
        self.is_lost = True
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.cancelled = True
        if not self.listening.done():
            self.listening.cancel()
        self._lost()

    def pause_writing(self) -> None:
        """The transport process does not take its answers: no more requests of it."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It does again."""
        self._transport.resume_reading()

    # -- requests

    def _take(self, frame: Frame) -> None:
        if frame.kind == Kind.RPC:
            self._begin_call(frame)
        elif frame.kind == Kind.HTTP and self._http:
            self._begin_request(frame, self._http)
        elif frame.kind == Kind.CANCEL:
            if call := self._calls.pop(frame.call, None):
                call.cancelled = True
        elif frame.kind == Kind.LISTENING and not self.listening.done():
            self.listening.set_result(None)
        else:
            raise RelayError(f"A frame of kind {frame.kind} is not for the main process")

    def _begin_call(self, frame: Frame) -> None:
        handler, method, metadata = self._methods.get(frame.head) or self._method(frame.head)
        call = self._calls[frame.call] = RelayCall(self, frame, method, metadata)
        try:
            handler(call)
        except Exception as error:  # a handler's bug is this call's status
            log.exception("The handler of %s failed", method)
            known = from_exception(error)
            call.fail(known.code, known.message)

    def _begin_request(self, frame: Frame, http: HttpHandler) -> None:
        method, target, headers = self._requests.get(frame.head) or self._request(frame.head)
        answer = partial(self._respond, frame.call)
        try:
            http(HttpRequest(method, target, headers, frame.body), answer)
        except Exception:
            log.exception("The handler of %s %r failed", method, target)
            answer(HttpResponse(500, (), b""))

    def _respond(self, number: int, response: HttpResponse) -> None:
        head = self._pack(response.headers)
        self._writer.send(Kind.RESPONSE, number, code=response.status, head=head, body=response.body)

    # -- heads; clients repeat themselves, so the last ones are kept

    def _method(self, head: bytes) -> tuple[RpcHandler, str, Headers]:
        (path,), metadata = unpack_headers(head, 1)
        method = path.decode("latin-1")
        found = (self._lookup(method) or _unimplemented, method, metadata)
        if len(self._methods) >= _MAX_CACHED:
            self._methods.clear()
        self._methods[head] = found
        return found

    def _request(self, head: bytes) -> tuple[str, bytes, Headers]:
        (method, target), headers = unpack_headers(head, 2)
        found = (method.decode("latin-1"), target, headers)
        if len(self._requests) >= _MAX_CACHED:
            self._requests.clear()
        self._requests[head] = found
        return found

    def _pack(self, headers: Headers) -> bytes:
        key = tuple(headers)
        head = self._packed.get(key)
        if head is None:
            if len(self._packed) >= _MAX_CACHED:
                self._packed.clear()
            head = self._packed[key] = pack_headers(headers)
        return head


def _unimplemented(call: RpcCall) -> None:
    call.fail(Code.UNIMPLEMENTED, "")
