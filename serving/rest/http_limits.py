"""HttpLimits: what a client may use of the server's memory and time; the memory of one server is bounded by them.

A server holds at most `max_buffered_bytes` of bodies, and for each of `max_connections` a head (64 KiB), what it read
at once (256 KiB) and the answers of `max_pipelined` requests. To read a body takes up to six times its size on top;
model_threads.py bounds, for each model, what waits for a thread and what is read at a time.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HttpLimits:
    """Upstream has no limit on a body; ours is there so that memory is bounded.

    Attributes:
      max_body_bytes: Of one body; more is 413.
      max_buffered_bytes: Of all bodies that are being received or answered; more is 413.
      max_connections: At once; one more is answered 503.
      max_pipelined: Requests of one connection that wait for their answers; beyond them it is not read.
      max_unsent_bytes: Answers of one connection that the client has not taken; beyond them it is not read.
      idle_s: A connection without a request; libevent's is 50 s.
      head_s: From a request's first byte to the end of its headers.
      body_s: Between two pieces of a body.
      unsent_s: Between a full write buffer and one that has drained.
      linger_s: What a refused client may go on sending, so that it reads the refusal and not a reset.
    """

    max_body_bytes: int = 2 << 30
    max_buffered_bytes: int = 4 << 30
    max_connections: int = 10_000
    max_pipelined: int = 64
    max_unsent_bytes: int = 1 << 20
    idle_s: float = 75
    head_s: float = 30
    body_s: float = 30
    unsent_s: float = 60
    linger_s: float = 2
