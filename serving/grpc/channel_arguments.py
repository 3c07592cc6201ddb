"""`--grpc_channel_arguments` for a transport that is not gRPC core: those that it has a limit for.

Source: https://github.com/grpc/grpc/blob/master/include/grpc/impl/channel_arg_names.h
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from serving.http2.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS_PER_MS = 1e-3
_COUNTS = {
    "grpc.max_concurrent_streams": "max_concurrent_streams",
    "grpc.max_metadata_size": "max_header_list_size",
    "grpc.absolute_max_metadata_size": "max_header_list_size",
    "grpc.http2.lookahead_bytes": "stream_window",
    "grpc.http2.max_frame_size": "max_frame_size",
    "grpc.http2.max_ping_strikes": "max_ping_strikes",
}
_MILLISECONDS = {
    "grpc.keepalive_time_ms": "keepalive_time_s",
    "grpc.keepalive_timeout_ms": "keepalive_timeout_s",
    "grpc.http2.min_ping_interval_without_data_ms": "min_ping_interval_s",
    "grpc.server_handshake_timeout_ms": "preface_timeout_s",
}
# The transport's own parameter (max_message_bytes) or its parameter reuse_port.
_ELSEWHERE = {"grpc.max_receive_message_length", "grpc.max_send_message_length", "grpc.so_reuseport"}


def limits_of(arguments: Mapping[str, int | str]) -> Limits:
    """The limits with these arguments; an argument that is no integer is passed over, as gRPC core does."""
    counts = {_COUNTS[name]: value for name, value in arguments.items() if name in _COUNTS and isinstance(value, int)}
    times = {
        _MILLISECONDS[name]: value * _SECONDS_PER_MS
        for name, value in arguments.items()
        if name in _MILLISECONDS and isinstance(value, int)
    }
    limits = replace(Limits(), **counts, **times)  # type: ignore[arg-type]  # the tables name the fields
    return replace(limits, max_header_block=max(limits.max_header_block, limits.max_header_list_size))


def unknown_arguments(arguments: Mapping[str, int | str]) -> list[str]:
    """Those without any effect, to warn about."""
    return [name for name in arguments if name not in {*_COUNTS, *_MILLISECONDS, *_ELSEWHERE}]
