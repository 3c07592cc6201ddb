"""What the peer said about itself.

Source: RFC 9113, section 6.5.
"""

from __future__ import annotations

from serving.http2 import frames
from serving.http2.errors import ConnectionFailure, ErrorCode

_SETTING_SIZE = 6
# Clients that take frames of 16 MB do not make this server write one.
_MAX_PIECE = 1 << 17


class PeerSettings:
    """The two settings that a server minds: it pushes nothing, and its header blocks use no table."""

    def __init__(self) -> None:
        self.initial_window = frames.DEFAULT_WINDOW
        self.max_frame_size = frames.DEFAULT_MAX_FRAME_SIZE

    def apply(self, payload: bytes) -> int:
        """Takes a SETTINGS payload; returns by how much the window of each open stream grows (or shrinks).

        Raises ConnectionFailure.
        """
        if len(payload) % _SETTING_SIZE:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS are 6 bytes each")
        before = self.initial_window
        for number, value in frames.read_settings(payload):
            self._set(number, value)
        return self.initial_window - before

    def _set(self, number: int, value: int) -> None:
        if number == frames.ENABLE_PUSH and value not in (0, 1):
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, f"SETTINGS_ENABLE_PUSH is {value}")
        if number == frames.INITIAL_WINDOW_SIZE:
            if value > frames.MAX_WINDOW:
                raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, f"SETTINGS_INITIAL_WINDOW_SIZE is {value}")
            self.initial_window = value
        if number == frames.MAX_FRAME_SIZE:
            if not frames.DEFAULT_MAX_FRAME_SIZE <= value < 1 << 24:
                raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, f"SETTINGS_MAX_FRAME_SIZE is {value}")
            self.max_frame_size = min(value, _MAX_PIECE)
