"""What a transport hands to the API above it: one request, and the way to answer it. Transports know no more than this.

Everything here is called on the event loop's thread. An answer to a peer that has gone is dropped in silence.
What is made for every request is a NamedTuple: it is made in 0.6 us, a frozen dataclass in 1.4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from serving.errors import Code

Headers = Sequence[tuple[bytes, bytes]]


class Client(Protocol):
    """Who asks.

    Attributes:
      cancelled: Whether nobody waits for the answer any more.
    """

    cancelled: bool


class HttpRequest(NamedTuple):
    """One whole HTTP request.

    Attributes:
      method: In upper case, e.g. POST.
      target: The raw request target, undecoded, query included, e.g. /v1/models/m:predict.
      headers: Names in lower case, in the order received.
      body: Whole, chunks joined, Content-Encoding not yet undone.
      client: Who sent it, where that is known.
    """

    method: str
    target: bytes
    headers: Headers
    body: bytes
    client: Client | None = None


class HttpResponse(NamedTuple):
    """Status, headers (without Content-Length and Date, which the transport adds) and the whole body."""

    status: int
    headers: Headers
    body: bytes


# Answers exactly once, at once or later.
HttpHandler = Callable[[HttpRequest, Callable[[HttpResponse], None]], None]


class RpcCall(Protocol):
    """One unary RPC.

    Attributes:
      method: The path, e.g. /tensorflow.serving.PredictionService/Predict.
      message: The request message, decompressed.
      deadline: When the client gives up, on time.monotonic()'s clock in seconds; None: never. The transport itself
        answers DEADLINE_EXCEEDED then.
      metadata: The request's headers, pseudo headers left out, in the order received.
      cancelled: Whether the client has gone, given up or been answered DEADLINE_EXCEEDED.
    """

    method: str
    message: bytes
    deadline: float | None
    metadata: Headers
    cancelled: bool

    def reply(self, message: bytes, trailing_metadata: Headers = ()) -> None:
        """Answers OK with the message."""

    def fail(self, code: Code, message: str, trailing_metadata: Headers = ()) -> None:
        """Answers with a status other than OK; the message may be any text."""


RpcHandler = Callable[[RpcCall], None]
# By method path; None: UNIMPLEMENTED.
RpcLookup = Callable[[str], "RpcHandler | None"]
