"""What an operator may set of the way to the hub. All times are seconds of the machine, not of the site."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
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
class TlsSettings:
    """Which certificates to trust and to show. `ca_file` None trusts what the system trusts."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None

    def context(self) -> ssl.SSLContext:
        """A client's context that verifies the broker's name. Raises BadText naming a file that cannot be used."""
        context = _NamingContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.server_name = self.server_name
        for name in ("ca_file", "certificate_file", "key_file"):
            if (path := getattr(self, name)) is not None:
                _look_at(path, name)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """A broker, and who we are to it."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    """Read at every connect, so that a new password needs no restart; `password` is used when there is no file."""
    tls: TlsSettings | None = None

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    def read_password(self) -> str | None:
        """The password to log in with. Raises BadText when its file cannot be read."""
        return self.password if self.password_file is None else _read(self.password_file, "password_file").strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSettings:
    """The brokers, the primary first, and how patient we are."""

    brokers: tuple[BrokerSettings, ...] = (BrokerSettings(),)

    keepalive_s: int = 20
    """MQTT keepalive: an idle dead link is found within twice this time."""
    reply_timeout_s: float = 10.0
    """How long the broker may take for a CONNACK, SUBACK or PUBACK before the link counts as dead."""
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 300.0
    stable_after_s: float = 60.0
    """A session that lasted this long sets the reconnect back-off back to its beginning."""
    failback_after_s: float = 300.0
    """The primary must have answered for so long before another broker is left for it."""
    probe_every_s: float = 30.0

    window_batches: int = 4
    """Batches of one stream that may wait for the hub's Ack at once."""
    ack_timeout_s: float = 10.0
    """Without an Ack for this long the oldest batch is sent again; doubles up to `resend_max_s` while none comes."""
    resend_max_s: float = 60.0
    silent_after_s: float = 30.0
    """The hub counts as away when entries wait and none has been acknowledged for this long."""

    bytes_per_hour: int | None = None
    """What a metered line may carry of ours; None where it is not metered. See budget.py."""
    backlog_share: float = 0.5

    lag_alarm_s: float = 900.0
    """The staff is told when the hub is so far behind."""

    live_interval_s: float = 1.0
    live_active_s: float = 10.0
    """EVSEs with a running transaction are published at least this often, changed or not."""
    report_every_s: float = 60.0
    """The hub is told how far behind we are with the first of these in so long."""


def _read(path: Path, name: str) -> str:
    _look_at(path, name)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadText(f"{name} {path} is no text: {error}") from error


def _look_at(path: Path, name: str) -> None:
    """Raises BadText that says which setting names the file, and why it cannot be read."""
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise BadText(f"{name} {path} cannot be read: {error.strerror}") from error
