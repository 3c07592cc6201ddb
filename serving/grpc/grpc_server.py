"""grpc.aio with the interface of an own transport; until one replaces it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import grpc

from serving.errors import Code, InvalidArgument

if TYPE_CHECKING:
    from serving.exchange import Headers, RpcHandler, RpcLookup

log = logging.getLogger(__name__)

GRPC_STATUS = {code: grpc.StatusCode[code.name] for code in Code}
MAX_MESSAGE_BYTES = 2**31 - 1
_MAX_ERROR_BYTES = 1024
OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Without this two servers could share a port and each answer some of the requests.
    ("grpc.so_reuseport", 0),
)


class GrpcServer(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Unary calls on a port; made on the event loop that runs it."""

    def __init__(self, lookup: RpcLookup) -> None:
        self._lookup = lookup
        self._server = grpc.aio.server(options=OPTIONS)
        self._server.add_generic_rpc_handlers((self,))

    async def start(self, host: str | None, port: int, unix_path: str = "") -> None:
        """Opens the port. Raises InvalidArgument, as upstream, when it is taken."""
        address = f"{host or '0.0.0.0'}:{port}"  # noqa: S104 - upstream's address
        try:
            if port:
                self._server.add_insecure_port(address)
            if unix_path:
                self._server.add_insecure_port(f"unix:{unix_path}")
        except RuntimeError:
            raise InvalidArgument("Failed to BuildAndStart gRPC server") from None
        await self._server.start()
        log.info("Running gRPC ModelServer at %s ...", address)

    async def stop(self, grace_s: float) -> None:
        """Refuses new calls; waits at most `grace_s` seconds for those in flight."""
        await self._server.stop(grace_s)

    def service(self, handler_call_details: Any) -> Any:
        """What grpc calls to find a method."""
        handler = self._lookup(handler_call_details.method)
        if handler is None:
            return None
        return grpc.unary_unary_rpc_method_handler(_answering(handler, handler_call_details.method))


class _Call:
    def __init__(self, method: str, message: bytes, context: Any) -> None:
        left = context.time_remaining()
        self.method = method
        self.message = message
        self.deadline = None if left is None else time.monotonic() + left
        self.metadata = [(name.encode(), str(value).encode()) for name, value in context.invocation_metadata() or ()]
        self.cancelled = False
        self.outcome: asyncio.Future[tuple[Code, bytes | str, Headers]] = asyncio.get_running_loop().create_future()

    def reply(self, message: bytes, trailing_metadata: Headers = ()) -> None:
        self._finish(Code.OK, message, trailing_metadata)

    def fail(self, code: Code, message: str, trailing_metadata: Headers = ()) -> None:
        self._finish(code, message, trailing_metadata)

    def _finish(self, code: Code, body: bytes | str, trailing: Headers) -> None:
        if not self.outcome.done():
            self.outcome.set_result((code, body, trailing))


def _answering(handler: RpcHandler, method: str) -> Any:
    async def answer(message: bytes, context: Any) -> Any:
        call = _Call(method, message, context)
        handler(call)
        code, body, trailing = await call.outcome
        context.set_trailing_metadata([(name.decode(), value.decode()) for name, value in trailing])
        if isinstance(body, bytes):
            return body
        raw = body.encode("utf-8", "replace")
        cut = raw[:_MAX_ERROR_BYTES].decode("utf-8", "replace") + "...TRUNCATED"
        return await context.abort(GRPC_STATUS[code], cut if len(raw) > _MAX_ERROR_BYTES else body)

    return answer
