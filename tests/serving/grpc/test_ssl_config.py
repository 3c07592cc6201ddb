"""PEM contents to TLS, and what is wrong with them in one sentence."""

import subprocess
import sys
from dataclasses import replace

import pytest

from serving.errors import InvalidArgument


def openssl(*arguments, given=""):
    """What the program writes."""
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("field", ["server_key", "server_cert", "custom_ca"])
@pytest.mark.parametrize("text", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_pem_is_refused_in_upstreams_words(credentials, caplog, field, text):
    """And the log says which one it is, without a trace of the key."""
    wrong = replace(credentials, client_verify=True, path="/ssl.config", **{field: text})
    if (field, text) == ("custom_ca", ""):
        assert wrong.ssl_context()  # the system's roots
        return
    with pytest.raises(InvalidArgument, match=r"^Failed to BuildAndStart gRPC server$"):
        wrong.ssl_context()

    kind = "private key" if field == "server_key" else "certificate"
    received = "something else" if text else "nothing"
    reason = f"{field} must be a {kind} in PEM, the text itself and not the path of a file. Received: {received}"
    assert [f"ssl_config_file /ssl.config: {reason}"] == caplog.messages


def test_a_key_that_does_not_fit_says_why(credentials, caplog):
    """Another's, one with a password, one that was cut."""
    key = credentials.server_key
    begin, *middle, end = key.splitlines(keepends=True)
    wrong = {
        "server_key is not the key of server_cert": openssl("genpkey", "-algorithm", "ed25519"),
        "is not the key of server_cert": openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout"),
        "server_key is encrypted": openssl("pkcs8", "-topk8", "-passout", "pass:x", given=key),
        "server_key or server_cert is damaged": "".join([begin, *middle[1:], end]),
    }
    for text in wrong.values():
        with pytest.raises(InvalidArgument):
            replace(credentials, server_key=text).ssl_context()

    for reason, said in zip(wrong, caplog.messages, strict=True):
        assert reason in said
        assert not any(line.strip() in said for line in middle)


def test_the_own_transport_starts_without_grpcio_and_protobuf():
    """Which cost a tenth of a second and 20 MB, in every transport process."""
    code = (
        "import sys, serving.grpc.grpc_transport, serving.config.ssl_config; "
        "print({'grpc', 'google.protobuf'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "set()\n" == said
