"""What a request's headers say of a call.

Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Requests")
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving.errors import Code, Internal, ServingError, Unimplemented
from serving.grpc.compression import ENCODINGS, IDENTITY
from serving.grpc.grpc_status import decoded_metadata
from serving.grpc.grpc_timeout import parse_timeout

if TYPE_CHECKING:
    from serving.exchange import Headers
    from serving.http2.request_head import RequestHead

_TYPE = b"application/grpc"
_TYPE_ENDS = (b"", b"+", b";")


@dataclass(eq=False)
class CallHead:
    """One for all calls with the same headers.

    Attributes:
      method: The path.
      metadata: As RpcCall.metadata.
      timeout_s: Or None.
      encoding: Of compressed messages, or identity.
      error: Why there is no call, or None.
      http_status: What a request that is not gRPC at all is answered with, or 0.
    """

    method: str
    metadata: Headers = ()
    timeout_s: float | None = None
    encoding: bytes = IDENTITY
    error: ServingError | None = None
    http_status: int = 0


def parse_head(head: RequestHead, max_size: int) -> CallHead:
    """Reads headers of at most `max_size`; raises nothing."""
    if head.is_cut:
        text = f"received metadata size exceeds limit ({head.size} vs. {max_size})"
        return CallHead("", error=ServingError(text, Code.RESOURCE_EXHAUSTED))
    fields = dict(head.headers)
    method = fields.get(b":path", b"").decode("latin-1")
    content_type = fields.get(b"content-type", b"")
    if content_type[: len(_TYPE)] != _TYPE or content_type[len(_TYPE) : len(_TYPE) + 1] not in _TYPE_ENDS:
        return CallHead(method, http_status=415)
    if fields[b":method"] != b"POST":
        return CallHead(method, http_status=405)
    try:
        return _call_head(method, head, fields)
    except ServingError as error:
        return CallHead(method, error=error)


def _call_head(method: str, head: RequestHead, fields: dict[bytes, bytes]) -> CallHead:
    encoding = fields.get(b"grpc-encoding", IDENTITY)
    if encoding != IDENTITY and encoding not in ENCODINGS:
        raise Unimplemented(f"Compression algorithm '{encoding.decode('latin-1')}' is not supported")
    timeout = fields.get(b"grpc-timeout")
    try:
        metadata = decoded_metadata(head.headers)
        return CallHead(method, metadata, None if timeout is None else parse_timeout(timeout), encoding)
    except ValueError as error:
        raise Internal(str(error)) from None
