"""HttpConnection: one client's connection; requests off it in order, answers onto it in the same order.

All requests that one piece of input completes are handed up before any answer is written, so that they can be batched,
and the answers that are ready together go out in one write.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

from serving.body_clock import BodyClock
from serving.exchange import HttpRequest, HttpResponse
from serving.rest.chunked_body import ChunkedBody
from serving.rest.http_head import CHUNKED, MAX_HEAD_BYTES, Head, Refused, may_become_head, parse_head
from serving.rest.http_response import encoded, page
from serving.rest.large_bodies import LargeBodies

if TYPE_CHECKING:
    from serving.byte_budget import ByteBudget
    from serving.exchange import HttpHandler
    from serving.rest.http_limits import HttpLimits

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NEVER = float("inf")
_MAX_CACHED_HEADS = 1024
_MAX_CACHED_HEAD_BYTES = 2048
# Beyond this a body is not copied to stand in one piece with its head.
_MAX_JOINED_BYTES = 64 << 10


class Connections:
    """What the connections of one server share.

    Attributes:
      open: Those that there are.
      large: Lets large bodies up to the handler.
      budget: Has the bytes of bodies that are being received or answered.
    """

    def __init__(self, handler: HttpHandler, limits: HttpLimits, budget: ByteBudget) -> None:
        self.handler = handler
        self.limits = limits
        self.budget = budget
        self.large = LargeBodies(limits.max_reading_bytes)
        self.loop = asyncio.get_running_loop()
        self.open: set[HttpConnection] = set()
        self.stopping = False
        self.emptied = asyncio.Event()
        self._heads: dict[bytes, Head] = {}

    def head(self, raw: bytes) -> Head:
        """See parse_head. Clients repeat their heads to the byte, so the last ones are kept."""
        head = self._heads.get(raw)
        if head is None:
            head = parse_head(raw)
            if len(raw) <= _MAX_CACHED_HEAD_BYTES:
                if len(self._heads) >= _MAX_CACHED_HEADS:
                    self._heads.clear()
                self._heads[raw] = head
        return head

    def reserve(self, size: int) -> None:
        """Counts bytes of a body. Raises Refused when there are too many."""
        if not self.budget.take(size):
            raise Refused(503)


class _Exchange:
    """One request on its way; called with its answer."""

    __slots__ = ("_connection", "_shared", "cancelled", "head", "request", "response", "size")

    def __init__(self, connection: HttpConnection, shared: Connections, head: Head, size: int) -> None:
        self._connection: HttpConnection | None = connection
        self._shared = shared
        self.request: HttpRequest | None = None
        self.head = head
        self.size = size
        self.response: HttpResponse | None = None
        # As a Client: a reset is seen, a close is not, since half of one looks the same.
        self.cancelled = False

    def begin(self) -> None:
        """Hands the request up, unless its client has gone."""
        request, self.request = self.request, None
        if request is not None:
            self._shared.handler(request, self)
        else:
            self._shared.large.ended(self.size)

    def __call__(self, response: HttpResponse) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._shared.large.ended(self.size)
            self.response = response
            connection.answered(self)


class HttpConnection(asyncio.Protocol):
    """The protocol of one connection; `sweep` is called every second or so to hold it to its times."""

    def __init__(self, shared: Connections) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[_Exchange] = deque()
        self._data, self._at = b"", 0
        self._head: Head | None = None
        self._body: list[bytes] = []
        self._received = 0
        self._chunks: ChunkedBody | None = None
        self._clock: BodyClock | None = None  # of the body, and what had come of it when its stretch began
        self._mark = 0
        self._continue_due = False
        self._handing = False  # inside _advance: answers are not written yet
        self._last = False  # no further request is read
        self._heard_out = False  # the client sends no more
        self._lingering = False  # it may, but is not heard
        self._full = False  # the write buffer
        self._paused = False
        self._deadline = _NEVER

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins; over the limit, ends at once with 503."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        transport.set_write_buffer_limits(self._limits.max_unsent_bytes)
        self._shared.open.add(self)
        self._wait_at_most(self._limits.idle_s)
        if self._shared.stopping or len(self._shared.open) > self._limits.max_connections:
            self._refuse(503)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forgets everything; answers that come later are dropped."""
        self._transport = None
        self._shared.budget.give_back(self._received + sum(exchange.size for exchange in self._waiting))
        for exchange in self._waiting:
            exchange.request, exchange.cancelled = None, True
        self._waiting.clear()
        self._data, self._body, self._received, self._chunks = b"", [], 0, None
        self._shared.open.discard(self)
        if not self._shared.open:
            self._shared.emptied.set()

    def data_received(self, data: bytes) -> None:
        """Takes what came."""
        if self._last:
            return
        if self._at < len(self._data):
            data = self._data[self._at :] + data
        self._data, self._at = data, 0
        self._advance()

    def eof_received(self) -> bool:
        """A client that has said all it will may still wait for its answers."""
        self._last = self._heard_out = True
        return bool(self._waiting)

    def pause_writing(self) -> None:
        """The client does not take its answers: no more requests of it."""
        self._full = True
        self._wait_at_most(self._limits.unsent_s)

    def resume_writing(self) -> None:
        """It does again."""
        self._full = False
        self._advance()

    # -- times

    def sweep(self, now: float) -> None:
        """Ends what took too long."""
        if self._head is not None and not (self._paused or self._full or self._continue_due):
            self._hold_to_pace(now)
        if now < self._deadline or self._transport is None:
            return
        if self._full:
            self._transport.abort()
        elif self._lingering or self._idle():
            self._transport.close()
        else:
            self._refuse(408)

    def _hold_to_pace(self, now: float) -> None:
        """Refuses a body that does not come on."""
        if self._clock is None:
            self._clock, self._mark = BodyClock(self._limits.body_s, now), self._received
        elif self._clock.is_over(now):
            came, self._mark = self._received - self._mark, self._received
            if came < self._limits.min_body_bytes:
                self._refuse(408)

    def _wait_at_most(self, seconds: float) -> None:
        self._deadline = self._shared.loop.time() + seconds

    def _idle(self) -> bool:
        return self._head is None and self._at >= len(self._data)

    def _set_deadline(self) -> None:
        if self._full or self._lingering:
            return
        if self._paused or self._head is not None or self._waiting or self._last:
            self._deadline = _NEVER
        elif self._at >= len(self._data):
            self._wait_at_most(self._limits.idle_s)
        elif self._at > 0 or self._deadline > self._shared.loop.time() + self._limits.head_s:
            self._wait_at_most(self._limits.head_s)

    # -- requests

    def _advance(self) -> None:
        """Takes requests off the input and writes answers until neither goes on."""
        if self._handing:
            return
        while self._hand_up() and self._write_ready() and self._at < len(self._data):
            pass
        if self._transport is not None:
            self._read_if(not self._full and len(self._waiting) < self._limits.max_pipelined)
            self._set_deadline()

    def _hand_up(self) -> bool:
        """Hands up every whole request; False if none was."""
        before = len(self._waiting)
        self._handing = True
        try:
            while self._may_take() and self._take():
                pass
        except Refused as refused:
            self._refuse(refused.status)
        finally:
            self._handing = False
        return len(self._waiting) > before or bool(self._waiting and self._waiting[0].response)

    def _may_take(self) -> bool:
        return (
            self._at < len(self._data)
            and len(self._waiting) < self._limits.max_pipelined
            and not (self._full or self._last)
        )

    def _take(self) -> bool:
        """One step on; False if more input is needed for it."""
        if self._head is None:
            return self._take_head()
        if self._chunks is not None:
            self._take_chunks(self._chunks)
        else:
            self._take_body(self._head)
        return True

    def _take_head(self) -> bool:
        while self._data.startswith(b"\r\n", self._at):
            self._at += 2
        end = self._data.find(b"\r\n\r\n", self._at) + 4
        if (end if end >= 4 else len(self._data)) - self._at > MAX_HEAD_BYTES:  # noqa: PLR2004 - find's -1
            raise Refused(431)
        if end < 4:  # noqa: PLR2004
            if not may_become_head(self._data[self._at :]):
                raise Refused(400)
            return False
        self._begin(self._shared.head(self._data[self._at : end]), end)
        return True

    def _begin(self, head: Head, end: int) -> None:
        self._head, self._at = head, end
        if head.length > self._limits.max_body_bytes:
            raise Refused(413)
        if head.length > self._shared.budget.left:
            raise Refused(503)
        if head.length == CHUNKED:
            self._chunks = ChunkedBody()
        elif not head.length:
            self._complete(b"")
            return
        if head.expects_continue and self._at >= len(self._data):
            self._continue_due = True
            self._say_continue()

    def _take_body(self, head: Head) -> None:
        part = self._data[self._at : self._at + head.length - self._received]
        self._shared.reserve(len(part))
        self._at += len(part)
        self._received += len(part)
        self._body.append(part)
        if self._received == head.length:
            self._complete(part if len(self._body) == 1 else b"".join(self._body))

    def _take_chunks(self, chunks: ChunkedBody) -> None:
        self._data, self._at = chunks.feed(self._data[self._at :]), 0
        self._shared.reserve(len(chunks.body) - self._received)
        self._received = len(chunks.body)
        if self._received > self._limits.max_body_bytes:
            raise Refused(413)
        if chunks.complete:
            self._complete(bytes(chunks.body))

    def _complete(self, body: bytes) -> None:
        head = self._head
        assert head is not None
        exchange = _Exchange(self, self._shared, head, self._received)
        self._forget_body()
        self._waiting.append(exchange)
        self._last = self._last or not head.keep_alive
        exchange.request = HttpRequest(head.method, head.target, head.headers, body, exchange)
        self._shared.large.submit(exchange.size, exchange.begin)

    def _forget_body(self) -> None:
        self._head, self._chunks, self._body, self._received = None, None, [], 0
        self._continue_due, self._clock = False, None

    def _read_if(self, wanted: bool) -> None:  # noqa: FBT001
        if self._transport is None or wanted is not self._paused:
            return
        self._paused = not wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # -- answers

    def answered(self, exchange: _Exchange) -> None:
        """An answer is there; it goes out when those before it have."""
        if self._waiting and exchange is self._waiting[0]:
            self._advance()

    def _write_ready(self) -> bool:
        """Writes the answers that are next and ready; False when the connection has ended."""
        parts: list[bytes] = []
        while self._waiting and self._waiting[0].response is not None:
            self._append(parts, self._waiting.popleft())
        self._write(parts)
        if self._last and not self._waiting:
            self._end()
        self._say_continue()
        return self._transport is not None and not self._lingering

    def _append(self, parts: list[bytes], exchange: _Exchange) -> None:
        self._shared.budget.give_back(exchange.size)
        response = exchange.response
        assert response is not None
        ends = not self._waiting and (self._last or self._shared.stopping)
        self._last = self._last or ends
        parts.append(encoded(response, minor=exchange.head.minor, keep_alive=not ends))
        if exchange.head.method != "HEAD":
            parts.append(response.body)

    def _write(self, parts: list[bytes]) -> None:
        if not parts or self._transport is None:
            return
        if sum(map(len, parts)) > _MAX_JOINED_BYTES:
            self._transport.writelines(parts)
        else:
            self._transport.write(b"".join(parts))

    def _say_continue(self) -> None:
        if self._continue_due and not self._waiting and self._transport is not None:
            self._continue_due = False
            self._transport.write(_CONTINUE)

    # -- the end

    def shut(self) -> None:
        """The server stops: ends now if nothing is in flight, else with the last answer."""
        if self._idle() and not self._waiting and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Ends now."""
        if self._transport is not None:
            self._transport.abort()

    def _refuse(self, status: int) -> None:
        """Answers after what is in flight, and ends."""
        self._shared.budget.give_back(self._received)
        head = self._head or Head("GET", b"", (), 0, keep_alive=False, minor=1, expects_continue=False)
        self._forget_body()
        self._data, self._at = b"", 0
        self._last = True
        exchange = _Exchange(self, self._shared, head, 0)
        self._waiting.append(exchange)
        exchange(page(status))

    def _end(self) -> None:
        """Closes; a client that may still be sending first gets the time to read its answer."""
        if self._transport is None or self._lingering:
            return
        if self._heard_out:
            self._transport.close()
        else:
            self._lingering = True
            self._transport.write_eof()
            self._read_if(wanted=True)
            self._wait_at_most(self._limits.linger_s)
