"""Channel arguments to what the own transport is started with."""

from serving.grpc.channel_arguments import limits_of, unknown_arguments


def test_channel_arguments_set_limits():
    """Those that are known; times in seconds."""
    arguments = {
        "grpc.max_concurrent_streams": 7,
        "grpc.keepalive_time_ms": 1500,
        "grpc.census": 1,
        "grpc.http2.x": "y",
    }
    limits = limits_of(arguments)

    assert (7, 1.5) == (limits.max_concurrent_streams, limits.keepalive_time_s)
    assert ["grpc.census", "grpc.http2.x"] == unknown_arguments(arguments)
