"""PEM contents to TLS; channel arguments to limits."""

import subprocess
import sys
from dataclasses import replace

import pytest

from serving.errors import InvalidArgument
from serving.grpc.channel_arguments import limits_of, unknown_arguments


@pytest.mark.parametrize("field", ["server_key", "server_cert", "custom_ca"])
@pytest.mark.parametrize("text", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_pem_is_refused_in_upstreams_words(credentials, field, text):
    """Without a trace of the key."""
    wrong = replace(credentials, client_verify=True, **{field: text})
    if (field, text) == ("custom_ca", ""):
        assert wrong.ssl_context()  # the system's roots
        return
    with pytest.raises(InvalidArgument, match=r"^Failed to BuildAndStart gRPC server$"):
        wrong.ssl_context()


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


def test_the_own_transport_starts_without_grpcio():
    """Which costs a tenth of a second and 20 MB."""
    code = "import sys, serving.grpc.grpc_transport, serving.grpc.credentials; print('grpc' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "False\n" == said
