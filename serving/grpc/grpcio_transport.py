"""gRPC through grpcio (grpc.aio): the transport to fall back on, for whatever the own one does not cover.

The same calls and answers as grpc_transport.py, at about ten times the CPU per call.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import grpc

from serving.errors import Code, InvalidArgument, from_exception
from serving.grpc.grpc_status import cut_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.config.ssl_config import SslConfig
    from serving.exchange import Headers, RpcHandler, RpcLookup

log = logging.getLogger(__name__)

GRPC_STATUS = {code: grpc.StatusCode[code.name] for code in Code}
MAX_MESSAGE_BYTES = 2**31 - 1


class GrpcioCall:
    """An RpcCall around a servicer context."""

    cancelled = False

    def __init__(self, method: str, message: bytes, context: Any) -> None:
        left = context.time_remaining()
        self.method = method
        self.message = message
        self.deadline: float | None = None if left is None else time.monotonic() + left
        self.metadata: Headers = [(_bytes(key), _bytes(value)) for key, value in context.invocation_metadata() or ()]
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.status: tuple[Code, str] = (Code.OK, "")
        self.trailing_metadata: Headers = ()

    def reply(self, message: bytes, trailing_metadata: Headers = ()) -> None:
        """Answers OK with the message."""
        self._answer(message, trailing_metadata)

    def fail(self, code: Code, message: str, trailing_metadata: Headers = ()) -> None:
        """Answers with a status other than OK."""
        if not self.answer.done():
            self.status = code, message
        self._answer(b"", trailing_metadata)

    def _answer(self, message: bytes, trailing_metadata: Headers) -> None:
        if not self.answer.done():
            self.trailing_metadata = trailing_metadata
            self.answer.set_result(message)


class GrpcioTransport:
    """Unary gRPC on a port and a unix socket; on the event loop that starts it.

    Args:
      lookup: From a method's path to what answers it.
      max_message_bytes: Of a request and of an answer.
      ssl_config: For TLS; None: none.
      reuse_port: Several processes may listen on the port; else two servers would each answer some of the requests.
      channel_arguments: Passed on to gRPC core.
    """

    def __init__(
        self,
        lookup: RpcLookup,
        *,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        ssl_config: SslConfig | None = None,
        reuse_port: bool = False,
        channel_arguments: Mapping[str, int | str] | None = None,
    ) -> None:
        self._lookup = lookup
        self._ssl_config = ssl_config
        self._options = [
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.so_reuseport", int(reuse_port)),
            *(channel_arguments or {}).items(),
        ]
        self._server: Any = None
        self.port = 0

    async def start(self, host: str | None, port: int, unix_path: str | None = None) -> None:
        """Listens on a port (0 without a unix socket: any free one) and on a unix socket.

        Raises InvalidArgument, as upstream, when either is taken.
        """
        self._server = grpc.aio.server(options=self._options)
        self._server.add_generic_rpc_handlers((_Generic(self._lookup),))
        try:
            if port or not unix_path:
                self.port = self._open(f"{host or '0.0.0.0'}:{port}")  # noqa: S104 - upstream's address
            if unix_path:
                self._open(f"unix:{unix_path}")
        except RuntimeError:
            raise InvalidArgument("Failed to BuildAndStart gRPC server") from None
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Takes no new calls; waits at most `grace_s` seconds for those in flight."""
        await self._server.stop(grace_s)

    def _open(self, address: str) -> int:
        log.info("Running gRPC ModelServer at %s ...", address)
        if self._ssl_config is None:
            return int(self._server.add_insecure_port(address))
        return int(self._server.add_secure_port(address, _server_credentials(self._ssl_config)))


class _Generic(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types
    """Bytes in and out, whatever the method."""

    def __init__(self, lookup: RpcLookup) -> None:
        self._lookup = lookup

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method
        handler = self._lookup(method)
        if handler is None:
            # grpcio's own words for a method that is not there differ from those of a C++ server.
            return grpc.unary_unary_rpc_method_handler(_unimplemented)

        async def behaviour(message: bytes, context: Any) -> bytes:
            return await _run(handler, GrpcioCall(method, message, context), context)

        return grpc.unary_unary_rpc_method_handler(behaviour)


async def _unimplemented(_message: bytes, context: Any) -> bytes:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "")
    return b""


async def _run(handler: RpcHandler, call: GrpcioCall, context: Any) -> bytes:
    try:
        handler(call)
    except Exception as error:  # a handler's bug is this call's status
        log.exception("The handler of %s failed", call.method)
        known = from_exception(error)
        call.fail(known.code, known.message)
    try:
        message = await call.answer
    except asyncio.CancelledError:
        call.cancelled = True
        raise
    context.set_trailing_metadata(tuple(_pair(name, value) for name, value in call.trailing_metadata))
    code, text = call.status
    if code:
        await context.abort(GRPC_STATUS[code], cut_message(text).decode("utf-8", "replace"))
    return message


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def _pair(name: bytes, value: bytes) -> tuple[str, str | bytes]:
    return name.decode(), value if name.endswith(b"-bin") else value.decode("latin-1")


def _server_credentials(ssl_config: SslConfig) -> Any:
    ssl_config.ssl_context()  # gRPC core says nothing of what is wrong with a PEM
    return grpc.ssl_server_credentials(
        [(ssl_config.server_key.encode(), ssl_config.server_cert.encode())],
        root_certificates=ssl_config.custom_ca.encode() or None,
        require_client_auth=ssl_config.client_verify,
    )
