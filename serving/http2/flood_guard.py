"""Who asks for much and brings nothing: the limits beyond which a connection ends with ENHANCE_YOUR_CALM."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from serving.http2.errors import ConnectionFailure, ErrorCode

if TYPE_CHECKING:
    from serving.http2.limits import Limits


class FloodGuard:
    """Counts for one connection. Times are time.monotonic()'s seconds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._resets_left = float(limits.reset_burst)
        self._reset_at = 0.0
        self._ping_at = -math.inf
        self._strikes = 0
        self.idle_frames = 0

    def idle_frame(self) -> None:
        """A frame that carries nothing came. Raises ConnectionFailure after too many in a row."""
        self.idle_frames += 1
        if self.idle_frames > self._limits.max_idle_frames:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that carry nothing")

    def reset(self, now: float) -> None:
        """The client took a stream back. Raises ConnectionFailure when that is all it does (CVE-2023-44487)."""
        limits = self._limits
        refilled = self._resets_left + (now - self._reset_at) * limits.resets_per_s
        self._resets_left = min(refilled, limits.reset_burst) - 1
        self._reset_at = now
        if self._resets_left < 0:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "too many streams were reset")

    def ping(self, now: float, *, idle: bool) -> None:
        """A PING came; pings are allowed again after each answer.

        Source: gRPC core ext/transport/chttp2/transport/ping_abuse_policy.cc, whose debug data this is.
        """
        limits = self._limits
        allowed_at = self._ping_at + (limits.min_idle_ping_interval_s if idle else limits.min_ping_interval_s)
        self._ping_at = now
        if allowed_at <= now:
            return
        self._strikes += 1
        if self._strikes > limits.max_ping_strikes > 0:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings")

    def answered(self) -> None:
        """Headers or data were sent."""
        self.idle_frames = 0
        self._strikes = 0
        self._ping_at = -math.inf
