"""What a peer may take of this server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Counts are per connection, sizes in bytes, times in seconds.

    Attributes:
      max_concurrent_streams: Beyond it a stream is refused with REFUSED_STREAM, which clients may send again.
      stream_window: Bytes that a stream may send ahead of being read.
      connection_window: Bytes that all streams of a connection together may send ahead.
      max_frame_size: The largest DATA frame taken; those of headers are at most max_header_block bytes, and others
        16,384, whatever is set here.
      max_header_list_size: Names and values and 32 bytes each; a request that has more is refused.
      max_header_block: The largest header block read at all, as it is sent (CONTINUATION frames included) and decoded;
        what is beyond ends the connection, since its later headers could not be decoded without it.
      max_continuations: CONTINUATION frames of one header block.
      preface_timeout_s: From the connection to its preface and SETTINGS.
      body_s: A stretch of time in which a request that is being received must bring `min_body_bytes`, or end; a header
        block, too. Not counted is time in which the server itself was too busy to read.
      min_body_bytes: 1 KiB/s with these values. Streams that share a connection are judged one by one only if it does
        not bring that much for each of them.
      keepalive_time_s: Silence after which the server pings. Source: gRPC core's GRPC_ARG_KEEPALIVE_TIME_MS.
      keepalive_timeout_s: From that ping to the end of the connection if nothing comes.
      min_ping_interval_s: Pings of a client come no faster than this while streams are open.
      min_idle_ping_interval_s: And than this while none is. Source: gRPC core's ping_abuse_policy.cc.
      max_ping_strikes: Pings that come too fast before the connection ends; 0: any number.
      reset_burst: Streams that a client may reset at once (CVE-2023-44487).
      resets_per_s: How fast that allowance comes back.
      max_idle_frames: Frames in a row that carry nothing and are answered by nothing but acknowledgements.
    """

    max_concurrent_streams: int = 1024
    stream_window: int = 1 << 24
    connection_window: int = 1 << 24
    max_frame_size: int = 1 << 20
    max_header_list_size: int = 1 << 14
    max_header_block: int = 1 << 18
    max_continuations: int = 32
    preface_timeout_s: float = 20.0
    body_s: float = 30.0
    min_body_bytes: int = 30 << 10
    keepalive_time_s: float = 7200.0
    keepalive_timeout_s: float = 20.0
    min_ping_interval_s: float = 300.0
    min_idle_ping_interval_s: float = 7200.0
    max_ping_strikes: int = 2
    reset_burst: int = 4096
    resets_per_s: float = 500.0
    max_idle_frames: int = 10_000
