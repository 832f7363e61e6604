"""TLS to a broker, from files that are read at every connect: what was renewed is used without a restart."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocols.errors import BadText


class _ClosingSocket(ssl.SSLSocket):
    """Is closed when the two do not agree: the client library would leave it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class _NamingContext(ssl.SSLContext):
    """Asks for a certificate of another name than the host's, where there is one: the client library cannot."""

    server_name: str | None = None
    sslsocket_class = _ClosingSocket

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        if self.server_name is not None:
            options["server_hostname"] = self.server_name
        return super().wrap_socket(*args, **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerTls:
    """Which certificates to trust and to show. `ca_file` None trusts what the system trusts."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None

    def context(self) -> ssl.SSLContext:
        """A client's context that verifies the broker's name. Raises BadText naming the setting of a file that cannot
        be used."""
        context = _NamingContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.server_name = self.server_name
        for name in ("ca_file", "certificate_file", "key_file"):
            if (path := getattr(self, name)) is not None:
                read_file(path, name)
        if self.ca_file is None:
            context.load_default_certs()
        else:
            try:
                context.load_verify_locations(self.ca_file)
            except ssl.SSLError as error:
                raise BadText(f"ca_file {self.ca_file} holds no certificate in PEM form: {error.reason}") from error
        if self.certificate_file is not None:
            self._load_own(context, self.certificate_file)
        return context

    def _load_own(self, context: ssl.SSLContext, certificate_file: Path) -> None:
        try:
            context.load_cert_chain(certificate_file, self.key_file, password=lambda: "")  # never ask at a terminal
        except ssl.SSLError as error:
            key = f"key_file {self.key_file}" if self.key_file is not None else "the key that should be in it"
            why = "do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else f"cannot be used: {error}"
            raise BadText(f"certificate_file {certificate_file} and {key} {why}") from error


def read_file(path: Path, name: str) -> bytes:
    """Raises BadText that says which setting names the file, and why it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadText(f"{name} {path} cannot be read: {error.strerror}") from error
