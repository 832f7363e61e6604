"""What an operator may set of the way to the hub. All times are seconds of the machine, not of the site."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from protocols.errors import BadText


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Which certificates to trust and to show. `ca_file` None trusts what the system trusts."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """A client's context that verifies the broker's name. Raises BadText when a file cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file is not None:
                context.load_cert_chain(self.certificate_file, self.key_file)
        except OSError as error:
            raise BadText(f"the uplink's certificates cannot be used: {error}") from error
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSettings:
    """The broker, who we are to it, and how patient we are."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    """Read at every connect, so that a new password needs no restart; `password` is used when there is no file."""
    tls: TlsSettings | None = None

    keepalive_s: int = 20
    """MQTT keepalive: an idle dead link is found within twice this time."""
    reply_timeout_s: float = 10.0
    """How long the broker may take for a CONNACK, SUBACK or PUBACK before the link counts as dead."""
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 300.0
    stable_after_s: float = 60.0
    """A session that lasted this long sets the reconnect back-off back to its beginning."""

    window_batches: int = 4
    """Batches of one stream that may wait for the hub's Ack at once."""
    ack_timeout_s: float = 10.0
    """Without an Ack for this long the oldest batch is sent again; doubles up to `resend_max_s` while none comes."""
    resend_max_s: float = 60.0
    silent_after_s: float = 30.0
    """The hub counts as away when entries wait and none has been acknowledged for this long."""

    live_interval_s: float = 1.0
    live_active_s: float = 10.0
    """EVSEs with a running transaction are published at least this often, changed or not."""

    def read_password(self) -> str | None:
        """The password to log in with. Raises BadText when its file cannot be read."""
        if self.password_file is None:
            return self.password
        try:
            return self.password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadText(f"the uplink's password file cannot be read: {error}") from error
