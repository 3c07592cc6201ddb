"""A client's header blocks to requests, each block that is sent again decoded once.

A block's meaning depends on the connection's table, so what is kept is dropped as soon as a block changes the table.
"""

from __future__ import annotations

from hpack import HPACKError, OversizedHeaderListError

from serving.http2.errors import ConnectionFailure, ErrorCode
from serving.http2.hpack_decoder import HpackDecoder
from serving.http2.request_head import RequestHead

_MAX_KEPT = 256
_HARD_LIMIT = 4


class HeaderDecoder:
    """The decoding half of one connection's header compression."""

    def __init__(self, max_list_size: int) -> None:
        # Up to this the table stays in step and one request is refused; beyond, the connection ends.
        self._decoder = HpackDecoder(_HARD_LIMIT * max_list_size)
        self._kept: dict[bytes, RequestHead] = {}
        self.known = self._kept.get

    def decode(self, block: bytes) -> RequestHead:
        """The request of a block. Raises ConnectionFailure when it cannot be decoded."""
        before = self._decoder.changes
        head = RequestHead(self._headers(block))
        if self._decoder.changes != before or len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
        else:
            self._kept[block] = head
        return head

    def _headers(self, block: bytes) -> list[tuple[bytes, bytes]]:
        try:
            return self._decoder.decode(block)
        except OversizedHeaderListError as error:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, str(error)) from None
        except (HPACKError, IndexError) as error:
            raise ConnectionFailure(ErrorCode.COMPRESSION_ERROR, f"header block: {error}") from None
