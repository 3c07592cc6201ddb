"""SSLConfig: TLS of the gRPC port, from the file that has its keys to what encrypts.

Source: TF Serving config/ssl_config.proto, model_servers/server.cc (BuildServerCredentialsFromSSLConfigFile) at 2.20.0.
"""

from __future__ import annotations

import logging
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from serving.errors import InvalidArgument

log = logging.getLogger(__name__)
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
# OpenSSL's reasons for another key of the same kind, and for one of another kind.
_MISMATCH = ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED")


@dataclass(frozen=True)
class SslConfig:
    """PEM texts, not paths.

    Attributes:
      server_key: The private key, unencrypted.
      server_cert: The certificate and those between it and the root.
      custom_ca: Roots that clients' certificates are checked against; empty: the system's.
      client_verify: Whether clients must show a certificate.
      path: The file that says so, for what is said of it.
    """

    server_key: str = field(repr=False)
    server_cert: str
    custom_ca: str = ""
    client_verify: bool = False
    path: str = field(default="", compare=False)

    def ssl_context(self) -> ssl.SSLContext:
        """A server's context that speaks HTTP/2 only.

        Raises: InvalidArgument in upstream's words for what is no PEM; the log says what is wrong with it.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        try:
            self._load_chain(context)
            self._load_roots(context)
        except (ssl.SSLError, ValueError) as error:
            log.error("ssl_config_file %s: %s", self.path, self._what_is_wrong(error))  # noqa: TRY400 - it says it all
            raise InvalidArgument("Failed to BuildAndStart gRPC server") from None
        return context

    def _load_chain(self, context: ssl.SSLContext) -> None:
        # The ssl module reads keys from files only; the folder is the user's alone.
        with tempfile.TemporaryDirectory() as folder:
            key, cert = Path(folder, "key.pem"), Path(folder, "cert.pem")
            key.write_text(self.server_key)
            cert.write_text(self.server_cert)
            # Without a password an encrypted key would ask the terminal.
            context.load_cert_chain(cert, key, password=str)

    def _load_roots(self, context: ssl.SSLContext) -> None:
        if not self.client_verify:
            return
        context.verify_mode = ssl.CERT_REQUIRED
        if self.custom_ca:
            context.load_verify_locations(cadata=self.custom_ca)
        else:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)

    def _what_is_wrong(self, error: ssl.SSLError | ValueError) -> str:
        """One sentence, without a word of the key itself."""
        if not _are_certificates(self.server_cert):
            return _no_pem("server_cert", "certificate", self.server_cert)
        if "PRIVATE KEY-----" not in self.server_key:
            return _no_pem("server_key", "private key", self.server_key)
        if "ENCRYPTED" in self.server_key:
            return "server_key is encrypted, and there is no way to give its password; decrypt it (openssl pkey)"
        if getattr(error, "reason", "") in _MISMATCH:
            return "server_key is not the key of server_cert; put the key there that the certificate was made with"
        if self.client_verify and self.custom_ca and not _are_certificates(self.custom_ca):
            return _no_pem("custom_ca", "certificate", self.custom_ca)
        return f"server_key or server_cert is damaged ({getattr(error, 'reason', None) or error}); write it anew"


def read_ssl_config(path: str) -> SslConfig | None:
    """What an SSLConfig file in text format says; None for an empty path: no encryption.

    Raises: NotFound, InvalidArgument; see read_text_proto.
    """
    if not path:
        return None
    # Transport processes, which get their keys without a file, do without protobuf.
    from serving.config.private_protos import message_class
    from serving.config.text_proto import read_text_proto

    message = read_text_proto(path, message_class("SSLConfig")())
    return SslConfig(message.server_key, message.server_cert, message.custom_ca, message.client_verify, path)


def _are_certificates(text: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return False
    return _CERTIFICATE in text


def _no_pem(field: str, kind: str, text: str) -> str:
    """Never quotes the text, which may be most of a key."""
    received = "nothing" if not text.strip() else "something else"
    return f"{field} must be a {kind} in PEM, the text itself and not the path of a file. Received: {received}"
