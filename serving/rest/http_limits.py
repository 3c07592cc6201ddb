"""HttpLimits: what a client may use of the server's memory and time; the memory of one server is bounded by them.

Besides bodies, which byte_budget.py bounds for all transports together, a server holds for each of `max_connections` a
head (64 KiB), what it read at once (256 KiB) and the answers of `max_pipelined` requests.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HttpLimits:
    """Upstream has no limit on a body; ours is there so that memory is bounded.

    Attributes:
      max_body_bytes: Of one body; more is 413.
      max_reading_bytes: Of bodies above 1 MiB that are with the handler at a time; others wait, the first one never.
      max_connections: At once; one more is answered 503.
      max_pipelined: Requests of one connection that wait for their answers; beyond them it is not read.
      max_unsent_bytes: Answers of one connection that the client has not taken; beyond them it is not read.
      idle_s: A connection without a request; libevent's is 50 s.
      head_s: From a request's first byte to the end of its headers.
      body_s: A stretch of time in which a body that is being received must bring `min_body_bytes`, or end. Not counted
        is time in which the server does not read, by choice or because it is too busy.
      min_body_bytes: 1 KiB/s with these values.
      unsent_s: Between a full write buffer and one that has drained.
      linger_s: What a refused client may go on sending, so that it reads the refusal and not a reset.
    """

    max_body_bytes: int = 2 << 30
    max_reading_bytes: int = 256 << 20
    max_connections: int = 10_000
    max_pipelined: int = 64
    max_unsent_bytes: int = 1 << 20
    idle_s: float = 75
    head_s: float = 30
    body_s: float = 30
    min_body_bytes: int = 30 << 10
    unsent_s: float = 60
    linger_s: float = 2
