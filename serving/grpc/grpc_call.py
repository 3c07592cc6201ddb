"""One unary call on an HTTP/2 stream: the RpcCall that this transport hands up."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from typing import TYPE_CHECKING

from serving.errors import Code, Internal, ServingError, from_exception
from serving.grpc.call_head import CallHead, parse_head
from serving.grpc.compression import IDENTITY, decompress
from serving.grpc.grpc_status import RESPONSE_HEADERS
from serving.grpc.message_reader import PREFIX_SIZE, MessageReader
from serving.http2.errors import ErrorCode
from serving.http2.header_encoder import encode_headers
from serving.http2.stream import Stream

if TYPE_CHECKING:
    from serving.exchange import Headers, RpcHandler
    from serving.grpc.call_services import CallServices
    from serving.http2.connection import Connection
    from serving.http2.request_head import RequestHead

log = logging.getLogger(__name__)

_pack_prefix = struct.Struct(">BL").pack
_RESPONSE_BLOCK = encode_headers(RESPONSE_HEADERS)
_NOT_GRPC = b"This port speaks gRPC: POST, content-type application/grpc"
_NOT_GRPC_BLOCK = {
    status: encode_headers([(b":status", b"%d" % status), (b"content-type", b"text/plain"), (b"allow", b"POST")])
    for status in (405, 415)
}
# Larger ones are decompressed on a thread.
_SMALL = 1 << 14


class GrpcCall(Stream):
    """An RpcCall, and the stream it came on."""

    method = ""
    metadata: Headers = ()
    message = b""
    deadline: float | None = None
    cancelled = False
    _reader: MessageReader | None = None
    _handler: RpcHandler | None = None
    _is_open = True
    _is_whole = False
    _held = 0

    def __init__(
        self, services: CallServices, connection: Connection, stream_id: int, receive_left: int, send_left: int
    ) -> None:
        super().__init__(connection, stream_id, receive_left, send_left)
        self._services = services

    def reply(self, message: bytes, trailing_metadata: Headers = ()) -> None:
        """Answers OK with the message."""
        if not self._is_open:
            return
        services = self._services
        size = len(message)
        if size > services.max_answer_bytes:
            text = f"SERVER: Sent message larger than max ({size} vs. {services.max_answer_bytes})"
            self.fail(Code.RESOURCE_EXHAUSTED, text, trailing_metadata)
            return
        self._close()
        size += PREFIX_SIZE
        body = (_pack_prefix(0, size - PREFIX_SIZE), message)
        trailers = services.trailer_block(trailing_metadata)
        if not self.connection.sender.respond(self, _RESPONSE_BLOCK, body, size, trailers):
            self._hold_answer(size)

    def fail(self, code: Code, message: str, trailing_metadata: Headers = ()) -> None:
        """Answers with a status other than OK."""
        if self._is_open:
            self._close()
            block = self._services.failure_block(code, message, trailing_metadata)
            self.connection.sender.respond_without_body(self, block)

    def expire(self) -> None:
        """The deadline has passed."""
        self.fail(Code.DEADLINE_EXCEEDED, "Deadline Exceeded")
        self.cancelled = True

    # The stream's hooks.

    def head_received(self, head: RequestHead) -> None:
        """Finds the handler, or refuses at once."""
        call: CallHead | None = head.parsed
        services = self._services
        if call is None:
            call = head.parsed = parse_head(head, services.max_header_list_size)
        self._head = call
        self.method = call.method
        self.metadata = call.metadata
        self._handler = services.lookup(call.method)
        if call.error is not None:
            self.fail(call.error.code, call.error.message)
        elif call.http_status:
            self._is_open = False
        elif self._handler is None:
            # Source: gRPC src/cpp/server/server_cc.cc (kUnknownRpcMethod is empty).
            self.fail(Code.UNIMPLEMENTED, "")
        elif call.timeout_s is not None:
            self.deadline = time.monotonic() + call.timeout_s
            services.deadlines.add(self, self.deadline)

    def data_received(self, data: bytes, start: int, stop: int) -> None:
        """Takes a piece of the message; the common one is all of it, in one frame."""
        if not self._is_open:
            return
        size = stop - start
        if not self._services.budget.take(size):
            limit = self._services.budget.limit
            self.fail(Code.RESOURCE_EXHAUSTED, f"More than {limit} bytes of requests are in flight, try again later")
            return
        self._held += size
        if self._reader is None:
            if (
                not self._is_whole
                and size >= PREFIX_SIZE
                and int.from_bytes(data[start : start + PREFIX_SIZE], "big") == size - PREFIX_SIZE
                and size <= self._services.max_message_bytes
            ):
                self._is_whole = True
                self.message = data[start + PREFIX_SIZE : stop]
                return
            self._reader = MessageReader(self._services.max_message_bytes)
            if self._is_whole:
                self.fail(Code.UNIMPLEMENTED, "A unary call has one message, this one has more")
                return
        try:
            self._reader.feed(data, start, stop)
        except ServingError as error:
            self.fail(error.code, error.message)

    @property
    def received(self) -> int:
        """What is held of the message."""
        return self._held

    def too_slow(self) -> None:
        """Says so, as if there were a deadline for it."""
        if not self._is_open:
            super().too_slow()
            return
        limits = self.connection.limits
        self.fail(
            Code.DEADLINE_EXCEEDED,
            f"The request came too slowly: less than {limits.min_body_bytes} bytes in {limits.body_s:g} s; send it "
            "faster or in smaller parts",
        )

    def completed(self) -> None:
        """Hands the call up."""
        if not self._is_open:
            self._answer_http()
            return
        if not self._is_whole:
            self._finish_message()
            return
        self._hand_up()

    def closed(self) -> None:
        """The client has gone, or gave up."""
        self.cancelled = True
        self._close()

    def sent(self) -> None:
        """The last of a large answer is on its way."""
        self._release()

    def _answer_http(self) -> None:
        """To what is not gRPC."""
        status = self._head.http_status
        if status and not self.cancelled:
            self.connection.sender.respond(self, _NOT_GRPC_BLOCK[status], (_NOT_GRPC,), len(_NOT_GRPC), b"")

    # The message.

    def _finish_message(self) -> None:
        try:
            reader = self._reader or MessageReader(0)
            message = reader.finish()
            if reader.compressed:
                self._decompress(message)
                return
        except ServingError as error:
            self.fail(error.code, error.message)
            return
        self._reader = None
        self.message = message
        self._hand_up()

    def _decompress(self, message: bytes) -> None:
        if self._head.encoding == IDENTITY:
            raise Internal("compressed flag set with identity or empty encoding")
        most = min(self._services.max_message_bytes, self._services.budget.left)
        if len(message) < _SMALL:
            self._decompressed(decompress(message, most))
            return
        work = asyncio.get_running_loop().run_in_executor(None, decompress, message, most)
        work.add_done_callback(self._decompressed_elsewhere)

    def _decompressed_elsewhere(self, work: asyncio.Future[bytes]) -> None:
        error = work.exception()
        if error is None:
            self._decompressed(work.result())
        elif isinstance(error, Exception):
            known = from_exception(error)
            self.fail(known.code, known.message)

    def _decompressed(self, message: bytes) -> None:
        self._reader = None
        self.message = message
        if self._is_open:
            self._held += len(message)
            self._services.budget.held += len(message)
            self._hand_up()

    def _hand_up(self) -> None:
        assert self._handler is not None
        try:
            self._handler(self)
        except Exception as error:  # a handler's bug is this call's status
            log.exception("The handler of %s failed", self.method)
            known = from_exception(error)
            self.fail(known.code, known.message)

    # The end.

    def _close(self) -> None:
        self._is_open = False
        if self.deadline is not None:
            self._services.deadlines.discard(self)
        if self._held:
            self._release()

    def _release(self) -> None:
        self._services.budget.give_back(self._held)
        self._held = 0

    def _hold_answer(self, size: int) -> None:
        """Counts an answer that waits for its reader."""
        if self._services.budget.take(size):
            self._held = size
        else:
            self.connection.reset(self, ErrorCode.ENHANCE_YOUR_CALM)
