"""Channel arguments to what the own transport is started with."""

import grpc
import pytest

from serving.grpc.channel_arguments import TransportArguments, transport_arguments, unknown_arguments
from serving.grpc.grpc_transport import GrpcTransport


def test_channel_arguments_set_limits():
    """Those that are known; times in seconds."""
    arguments = {
        "grpc.max_concurrent_streams": 7,
        "grpc.keepalive_time_ms": 1500,
        "grpc.max_send_message_length": 9,
        "grpc.max_receive_message_length": -1,
        "grpc.so_reuseport": 1,
    }
    found = transport_arguments(arguments)

    assert (7, 1.5) == (found.limits.max_concurrent_streams, found.limits.keepalive_time_s)
    assert (2**31 - 1, 9, True) == (found.max_message_bytes, found.max_answer_bytes, found.reuse_port)
    assert [] == unknown_arguments(arguments)


def test_what_is_not_known_or_not_possible_is_told_and_passed_over():
    """As gRPC core falls back on its defaults."""
    arguments = {
        "grpc.census": 1,
        "grpc.http2.max_frame_size": 1,
        "grpc.max_concurrent_streams": "many",
        "grpc.max_receive_message_length": -2,
    }

    assert list(arguments) == unknown_arguments(arguments)
    assert TransportArguments() == transport_arguments(arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, 16_384),
        ({"grpc.max_metadata_size": 8192}, 16_384),
        ({"grpc.max_metadata_size": 1 << 20}, 5 << 18),
        ({"grpc.max_metadata_size": 1 << 20, "grpc.absolute_max_metadata_size": 9000}, 9000),
    ],
)
def test_metadata_is_limited_where_grpc_core_always_refuses(arguments, expected):
    """Its second limit, which follows the first one."""
    limits = transport_arguments(arguments).limits

    assert expected == limits.max_header_list_size
    assert limits.max_header_block >= 2 * expected


def test_a_transport_keeps_to_its_arguments(start):
    """Metadata larger than the default, messages smaller."""
    arguments = transport_arguments({"grpc.max_metadata_size": 100_000, "grpc.max_receive_message_length": 5})
    with start(GrpcTransport, arguments=arguments) as running, running.channel() as channel:
        metadata = [(f"y-{number}", "x" * 1000) for number in range(90)]
        echo = channel.unary_unary("/t.Test/Echo")

        assert b"12345" == echo(b"12345", metadata=metadata, timeout=10)
        with pytest.raises(grpc.RpcError, match=r"Received message larger than max \(6 vs. 5\)"):
            echo(b"123456", timeout=10)
