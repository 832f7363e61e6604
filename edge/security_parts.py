"""What has to do with certificates and passwords, built from the settings and the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509

from edge.certificate_config import Iso15118Settings
from edge.certificates import authority
from edge.certificates.notary import Notary
from edge.certificates.relay import CertificateRelay, RelaySettings
from edge.chargers.credentials import Credentials, Policy
from edge.chargers.fleet import Fleet
from edge.config import EdgeConfig, StationSettings
from edge.ledger.ledger import Ledger
from edge.ledger.security_tables import kept_passwords, kept_profiles, revoked_serials
from edge.ports import Clock, Inbox
from edge.site_authority import authority_of
from protocols.errors import BadText


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityParts:
    """`revoked` grows when a certificate is revoked."""

    credentials: Credentials
    notary: Notary
    relay: CertificateRelay
    revoked: set[str]


def security_parts(config: EdgeConfig, ledger: Ledger, inbox: Inbox, clock: Clock, fleet: Fleet) -> SecurityParts:
    """Raises BadText for a CA, a token or trusted certificates that cannot be used."""
    revoked = revoked_serials(ledger.connection)

    def distrust(serial_number: str, station_id: str) -> None:
        revoked.add(serial_number)
        fleet.disconnect(station_id, "its certificate was revoked")

    life = timedelta(days=config.certificates.valid_days)
    return SecurityParts(
        credentials=_credentials(config, ledger),
        notary=Notary(
            authority_of(config.certificates, config.data_dir),
            life,
            inbox,
            clock,
            distrust,
            _load_v2g_authority(config.iso15118),
        ),
        relay=CertificateRelay(_relay_settings(config.iso15118), clock),
        revoked=revoked,
    )


def _load_v2g_authority(chosen: Iso15118Settings) -> authority.Authority | None:
    if chosen.v2g_ca_file is None or chosen.v2g_ca_key_file is None:
        return None
    return authority.load(chosen.v2g_ca_file, chosen.v2g_ca_key_file)


def _credentials(config: EdgeConfig, ledger: Ledger) -> Credentials:
    credentials = Credentials(
        {station.id: station.password_hash for station in config.stations},
        {station.id: _policy(station) for station in config.stations if _is_special(station)},
    )
    for kept in kept_passwords(ledger.connection):
        credentials.restore(kept.station_id, kept.adopted, kept.offered, kept.instead_of)
    for raised in kept_profiles(ledger.connection):
        credentials.restore_profile(raised.station_id, raised.adopted, raised.offered, raised.instead_of)
    return credentials


def _is_special(station: StationSettings) -> bool:
    return station.security_profile != 1 or station.certificate_name is not None


def _policy(station: StationSettings) -> Policy:
    return Policy(security_profile=station.security_profile, certificate_name=station.certificate_name)


def _relay_settings(chosen: Iso15118Settings) -> RelaySettings:
    try:
        token = chosen.exi_token_file.read_text(encoding="utf-8").strip() if chosen.exi_token_file else None
        trusted = x509.load_pem_x509_certificates(chosen.trusted_file.read_bytes()) if chosen.trusted_file else []
    except OSError as error:
        raise BadText(f"[iso15118] {error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise BadText(f"[iso15118] trusted_file: {chosen.trusted_file} holds no certificates in PEM") from error
    return RelaySettings(
        exi_url=chosen.exi_url,
        exi_token=token,
        asks_responders=chosen.ocsp,
        known_hosts=chosen.ocsp_hosts,
        roots=tuple(trusted),
        timeout_s=chosen.timeout_s,
    )
