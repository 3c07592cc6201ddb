"""BodyClock: the time in which a peer could have sent more of its request, cut into stretches."""

from __future__ import annotations

# To be asked about once a second. What is beyond this was not the peer's to use: the event loop was busy, or what the
# peer sent was not read.
_LONGEST_STEP_S = 2.0


class BodyClock:
    """Tells when a stretch is over. Times are of any one clock that only goes forward, in seconds."""

    def __init__(self, stretch_s: float, now: float) -> None:
        self._stretch_s = stretch_s
        self._asked_at = now
        self._spent_s = 0.0

    def is_over(self, now: float) -> bool:
        """Whether a stretch ends now; then the next one begins."""
        self._spent_s += min(now - self._asked_at, _LONGEST_STEP_S)
        self._asked_at = now
        if self._spent_s < self._stretch_s:
            return False
        self._spent_s = 0.0
        return True
