"""What all calls of one transport share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving.errors import Code
from serving.grpc.deadlines import Deadlines
from serving.grpc.grpc_status import status_block

if TYPE_CHECKING:
    from serving.byte_budget import ByteBudget
    from serving.exchange import Headers, RpcLookup

_MAX_KEPT = 1024


class CallServices:
    """Look-up, limits, deadlines, and the header blocks of answers, each written once."""

    def __init__(
        self,
        lookup: RpcLookup,
        *,
        max_message_bytes: int,
        max_answer_bytes: int,
        budget: ByteBudget,
        max_header_list_size: int,
    ) -> None:
        self.lookup = lookup
        self.max_message_bytes = max_message_bytes
        self.max_answer_bytes = max_answer_bytes
        self.max_header_list_size = max_header_list_size
        self.budget = budget
        self.deadlines = Deadlines()
        self._trailers: dict[Headers, bytes] = {}
        self._last_trailers: tuple[Headers | None, bytes] = None, b""
        self._failures: dict[tuple[Code, str, Headers], bytes] = {}

    def trailer_block(self, metadata: Headers) -> bytes:
        """The trailers of an answer that is OK."""
        last = self._last_trailers
        if metadata is last[0]:  # those of a version are one object
            return last[1]
        metadata = tuple(metadata)
        block = self._trailers.get(metadata)
        if block is None:
            if len(self._trailers) >= _MAX_KEPT:
                self._trailers.clear()
            block = self._trailers[metadata] = status_block(Code.OK, "", metadata, headers=False)
        self._last_trailers = metadata, block
        return block

    def failure_block(self, code: Code, message: str, metadata: Headers) -> bytes:
        """The headers of an answer that is an error."""
        key = (code, message, tuple(metadata))
        block = self._failures.get(key)
        if block is None:
            if len(self._failures) >= _MAX_KEPT:
                self._failures.clear()
            block = self._failures[key] = status_block(code, message, metadata, headers=True)
        return block
