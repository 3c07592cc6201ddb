"""A client's header blocks to requests, each block that is sent again decoded once.

A block's meaning depends on the connection's table, so what is kept is dropped as soon as a block changes the table.
"""

from __future__ import annotations

from hpack import Decoder, HPACKError, OversizedHeaderListError

from serving.http2.errors import ConnectionFailure, ErrorCode
from serving.http2.request_head import RequestHead

_MAX_KEPT = 256
_HARD_LIMIT = 4


class HeaderDecoder:
    """The decoding half of one connection's header compression."""

    def __init__(self, max_list_size: int) -> None:
        # Up to this the table stays in step and one request is refused; beyond, the connection ends.
        self._decoder = Decoder(max_header_list_size=_HARD_LIMIT * max_list_size)
        self._table = self._decoder.header_table
        self._kept: dict[bytes, RequestHead] = {}
        self.known = self._kept.get

    def decode(self, block: bytes) -> RequestHead:
        """The request of a block. Raises ConnectionFailure when it cannot be decoded."""
        before = self._state()
        head = RequestHead(self._headers(block))
        after = self._state()
        if after[0] is not before[0] or after[1:] != before[1:] or len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
        else:
            self._kept[block] = head
        return head

    def _headers(self, block: bytes) -> list[tuple[bytes, bytes]]:
        try:
            return [(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)]
        except OversizedHeaderListError as error:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, str(error)) from None
        except (HPACKError, IndexError, ValueError) as error:
            raise ConnectionFailure(ErrorCode.COMPRESSION_ERROR, f"header block: {error}") from None

    def _state(self) -> tuple[object, int, int]:
        """Differs whenever the table does: entries are only added in front and dropped at the end."""
        entries = self._table.dynamic_entries
        return (entries[0] if entries else None), len(entries), self._table.maxsize
