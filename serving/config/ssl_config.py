"""SSLConfig: the keys with which gRPC is encrypted."""

from __future__ import annotations

from dataclasses import dataclass

from serving.config.private_protos import message_class
from serving.config.text_proto import read_text_proto


@dataclass(frozen=True)
class SslConfig:
    """PEM texts, not paths; an empty `custom_ca` stands for the system's authorities."""

    server_key: str
    server_cert: str
    custom_ca: str = ""
    # Whether a client must show a certificate that the authority signed.
    client_verify: bool = False


def read_ssl_config(path: str) -> SslConfig | None:
    """What an SSLConfig file in text format says; None for an empty path: no encryption.

    Raises: NotFound, InvalidArgument; see read_text_proto.
    Source: TF Serving config/ssl_config.proto, model_servers/server.cc at 2.20.0.
    """
    if not path:
        return None
    message = read_text_proto(path, message_class("SSLConfig")())
    return SslConfig(message.server_key, message.server_cert, message.custom_ca, message.client_verify)
