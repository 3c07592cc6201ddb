"""Tells calls that their time is over, with one timer for all of them."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.grpc.grpc_call import GrpcCall

# Deadlines so near to each other are told together.
_SLACK_S = 0.002


class Deadlines:
    """The calls in flight that have one; on the event loop's thread."""

    def __init__(self) -> None:
        self._calls: set[GrpcCall] = set()
        self._wake_at = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self.discard = self._calls.discard

    def add(self, call: GrpcCall, deadline: float) -> None:
        """`call.expire()` will be called at the deadline, on time.monotonic()'s clock, unless it is discarded."""
        self._calls.add(call)
        if deadline < self._wake_at:
            self._arm(deadline)

    def close(self) -> None:
        """Tells nobody any more."""
        if self._timer:
            self._timer.cancel()
        self._calls.clear()

    def _arm(self, at: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._wake_at = at
        delay = max(0.0, at - time.monotonic()) + _SLACK_S
        self._timer = asyncio.get_running_loop().call_later(min(delay, 86_400.0), self._sweep)

    def _sweep(self) -> None:
        self._timer, self._wake_at = None, math.inf
        now = time.monotonic()
        for call in [call for call in self._calls if (call.deadline or 0.0) <= now]:
            call.expire()
        if self._calls:
            self._arm(min(call.deadline or 0.0 for call in self._calls))
