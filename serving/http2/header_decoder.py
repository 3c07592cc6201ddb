"""A client's header blocks to requests, each block that is sent again decoded once.

A block's meaning depends on the connection's table, so what is kept is dropped as soon as a block changes the table.
"""

from __future__ import annotations

from hpack import HPACKError, OversizedHeaderListError

from serving.http2.errors import ConnectionFailure, ErrorCode
from serving.http2.hpack_decoder import HpackDecoder
from serving.http2.request_head import RequestHead

_MAX_KEPT = 256
# Larger blocks are not kept: clients do not repeat them, and they are as large as clients like.
_MAX_KEPT_SIZE = 2048


class HeaderDecoder:
    """The decoding half of one connection's header compression.

    Args:
      max_list_size: What a request may have; of one that has more, that much is kept, and it knows that it is cut.
      max_size: The largest list decoded at all.
    """

    def __init__(self, max_list_size: int, max_size: int) -> None:
        self._decoder = HpackDecoder(max(max_list_size, max_size), max_list_size)
        self._max_list_size = max_list_size
        self._kept: dict[bytes, RequestHead] = {}
        self.known = self._kept.get

    def decode(self, block: bytes) -> RequestHead:
        """The request of a block. Raises ConnectionFailure when it cannot be decoded."""
        before = self._decoder.changes
        headers = self._headers(block)
        size = self._decoder.list_size
        head = RequestHead(headers, size, is_cut=size > self._max_list_size)
        if self._decoder.changes != before or len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
        elif len(block) <= _MAX_KEPT_SIZE:
            self._kept[block] = head
        return head

    def _headers(self, block: bytes) -> list[tuple[bytes, bytes]]:
        try:
            return self._decoder.decode(block)
        except OversizedHeaderListError as error:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, str(error)) from None
        except (HPACKError, IndexError) as error:
            raise ConnectionFailure(ErrorCode.COMPRESSION_ERROR, f"header block: {error}") from None
