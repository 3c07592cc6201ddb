"""TLS of the gRPC port: an SSLConfig's PEM contents.

Source: TF Serving model_servers/server.cc (BuildServerCredentialsFromSSLConfigFile) at 2.20.0.
"""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from serving.errors import InvalidArgument


@dataclass(frozen=True)
class Credentials:
    """Contents, not paths.

    Attributes:
      server_key: The private key, unencrypted.
      server_cert: The certificate and those between it and the root.
      custom_ca: Roots that clients' certificates are checked against; empty: the system's.
      client_verify: Whether clients must show a certificate.
    """

    server_key: str
    server_cert: str
    custom_ca: str = ""
    client_verify: bool = False

    def ssl_context(self) -> ssl.SSLContext:
        """A server's context that speaks HTTP/2 only. Raises InvalidArgument, as upstream, for what is no PEM."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        try:
            self._load_chain(context)
            self._load_roots(context)
        except (ssl.SSLError, ValueError):
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
