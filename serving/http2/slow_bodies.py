"""SlowBodies: ends requests that come so slowly that they are not waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving.body_clock import BodyClock
from serving.http2.errors import ErrorCode

if TYPE_CHECKING:
    from serving.http2.connection import Connection
    from serving.http2.limits import Limits
    from serving.http2.stream import Stream


class SlowBodies:
    """Looks at one connection at the end of each stretch of time. Windows are widened at once, so that flow control
    never holds a client back.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self._least = limits.min_body_bytes
        self._clock = BodyClock(limits.body_s, now)
        # What the connection, and each stream that was open, had received when the stretch began.
        self._marks: dict[Stream, int] = {}
        self._mark = 0
        self._was_unfinished = False

    def check(self, connection: Connection, received: int, now: float) -> None:
        """To be called about once a second, with how many bytes the connection has received so far.

        Streams share a connection, and a client says which one goes first: none is too slow while the connection
        brings enough for all.
        """
        if not self._clock.is_over(now):
            return
        came, self._mark = received - self._mark, received
        was_unfinished, self._was_unfinished = self._was_unfinished, connection.is_inside_frame
        marks = self._marks
        self._marks = {each: each.received for each in connection.streams.values() if not each.remote_closed}
        if was_unfinished and self._was_unfinished and came < self._least:
            connection.fail(ErrorCode.ENHANCE_YOUR_CALM, "a frame of headers comes too slowly")
            return
        known = [stream for stream in self._marks if stream in marks]
        if came < self._least * len(known):
            for stream in known:
                if stream.received - marks[stream] < self._least:
                    stream.too_slow()
