"""`--grpc_channel_arguments` for a transport that is not gRPC core: those that it has a limit for.

Source: https://github.com/grpc/grpc/blob/master/include/grpc/impl/channel_arg_names.h, and of ranges and of how the
limits of metadata hang together src/core/ext/transport/chttp2/transport/chttp2_transport.cc
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from serving.http2.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_MESSAGE_BYTES = 2**31 - 1
_MOST = 2**31 - 1
_SECONDS_PER_MS = 1e-3
_SOFT, _HARD = "grpc.max_metadata_size", "grpc.absolute_max_metadata_size"
_DEFAULT_HARD = 16_384
_ANY_SIZE = -1
# Argument to the field of Limits, the smallest value and the largest.
_COUNTS = {
    "grpc.max_concurrent_streams": ("max_concurrent_streams", 0, _MOST),
    "grpc.http2.lookahead_bytes": ("stream_window", 5, _MOST),
    "grpc.http2.max_frame_size": ("max_frame_size", 16_384, 16_777_215),
    "grpc.http2.max_ping_strikes": ("max_ping_strikes", 0, _MOST),
}
_MILLISECONDS = {
    "grpc.keepalive_time_ms": ("keepalive_time_s", 1, _MOST),
    "grpc.keepalive_timeout_ms": ("keepalive_timeout_s", 0, _MOST),
    "grpc.http2.min_ping_interval_without_data_ms": ("min_ping_interval_s", 0, _MOST),
    "grpc.server_handshake_timeout_ms": ("preface_timeout_s", 1, _MOST),
}
# Argument to the field of TransportArguments.
_MESSAGES = {
    "grpc.max_receive_message_length": ("max_message_bytes", _ANY_SIZE, _MOST),
    "grpc.max_send_message_length": ("max_answer_bytes", _ANY_SIZE, _MOST),
}
_OTHERS = {_SOFT: ("", 0, _MOST), _HARD: ("", 0, _MOST), "grpc.so_reuseport": ("", 0, 1)}
_RANGES = {**_COUNTS, **_MILLISECONDS, **_MESSAGES, **_OTHERS}


@dataclass(frozen=True)
class TransportArguments:
    """What GrpcTransport is started with.

    Attributes:
      limits: What a connection may take.
      max_message_bytes: Of a request after decompression.
      max_answer_bytes: Of an answer.
      reuse_port: Several processes may listen on the port.
    """

    limits: Limits = field(default_factory=Limits)
    max_message_bytes: int = MAX_MESSAGE_BYTES
    max_answer_bytes: int = MAX_MESSAGE_BYTES
    reuse_port: bool = False


def transport_arguments(arguments: Mapping[str, int | str]) -> TransportArguments:
    """What these arguments say; those of unknown_arguments are passed over."""
    known = {name: value for name, value in arguments.items() if isinstance(value, int) and _is_known(name, value)}
    sizes = {
        _MESSAGES[name][0]: MAX_MESSAGE_BYTES if value == _ANY_SIZE else value
        for name, value in known.items()
        if name in _MESSAGES
    }
    return TransportArguments(_limits(known), reuse_port=bool(known.get("grpc.so_reuseport", 0)), **sizes)


def unknown_arguments(arguments: Mapping[str, int | str]) -> list[str]:
    """Those without any effect, to warn about: not known here, no integer, or out of gRPC core's range."""
    return [name for name, value in arguments.items() if not _is_known(name, value)]


def _is_known(name: str, value: int | str) -> bool:
    if name not in _RANGES or not isinstance(value, int):
        return False
    _, least, most = _RANGES[name]
    return least <= value <= most


def _limits(known: Mapping[str, int]) -> Limits:
    counts = {_COUNTS[name][0]: value for name, value in known.items() if name in _COUNTS}
    times = {_MILLISECONDS[name][0]: value * _SECONDS_PER_MS for name, value in known.items() if name in _MILLISECONDS}
    limits = replace(Limits(), **counts, **times)  # type: ignore[arg-type]  # the tables name the fields
    metadata = _max_metadata(known)
    return replace(limits, max_header_list_size=metadata, max_header_block=max(limits.max_header_block, 2 * metadata))


def _max_metadata(known: Mapping[str, int]) -> int:
    """Between its two limits gRPC core refuses calls by chance; here only those beyond the second are refused."""
    if _HARD in known:
        return known[_HARD]
    return max(_DEFAULT_HARD, known.get(_SOFT, 0) * 5 // 4)
