"""The stations' certificates: who may have one signed, what became of it, and when it is renewed.

OCPP 2.0.1 A02, A03, M03 to M05; the same of the 1.6 security extension. A certificate names the station by the common
name that the configuration gives it, its id where it gives none: what a station says of itself proves nothing. One that
a station shows to vehicles (V2GCertificate) may name one of its SECC ids, which are configured, too.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

from edge.domain.asking import ask
from edge.domain.decision import Decision
from edge.domain.errands import DistrustCertificate, SignCertificate
from edge.domain.events import (
    CertificateSigned,
    Done,
    PasswordChanged,
    Refused,
    RevocationOrdered,
    SecurityProfileChanged,
    SigningFailed,
)
from edge.domain.site import OpenCommand, Site
from edge.domain.station import Station
from edge.domain.station_security import CertificateRules, Signing, StationCertificate
from protocols.charger.commands import Judged
from protocols.charger.events import CertificateRequest, CommandAnswered, SigningRequested
from protocols.charger.operations.certificates import (
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    SendSignedCertificate,
)
from protocols.charger.operations.variables import TriggerMessage
from protocols.sync.up import Severity
from protocols.sync.upkeep import (
    CertificateAccepted,
    CertificateIssued,
    CertificateRevoked,
    InstalledCertificatesReported,
    StationPasswordChanged,
    StationSecurityProfileChanged,
)

STATION_CERTIFICATE: Final = "ChargingStationCertificate"
V2G_CERTIFICATE: Final = "V2GCertificate"
CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})
"""What TLS libraries of stations and of nginx all know; OCPP 2.0.1 A00.FR.507 asks for 224 bits at least."""
MAX_SIGNED_PER_WINDOW: Final = 10
WINDOW: Final = timedelta(hours=1)
SIGNED_WITHIN: Final = timedelta(minutes=2)
"""A request that is still under way after so long is lost, and may be made again."""
ASK_AGAIN_AFTER: Final = timedelta(hours=6)
LOOK_EVERY: Final = timedelta(hours=1)
MAX_INSTALLED_TOLD: Final = 64

REFUSED: Final = "certificate_refused"
EXPIRES: Final = "certificate_expires"


# --- signing ---


def judge_request(site: Site, decision: Decision, event: SigningRequested, now: datetime) -> None:
    """A02.FR.02. Accepted: the certificate follows as an operation."""
    station = site.station(event.station_id)
    csr_hash = sha256(event.csr.encode()).hexdigest()
    signing = site.signings.get(event.station_id)
    if signing is None or now >= signing.window_ends_at:
        signing = site.signings[event.station_id] = Signing(window_ends_at=now + WINDOW)
    is_under_way = signing.since is not None and now - signing.since < SIGNED_WITHIN
    if is_under_way and signing.under_way == csr_hash:
        decision.reply = Judged(is_accepted=True)  # said again: the certificate is on its way
        return
    reason = _objection(site, station, event)
    if reason is None and (is_under_way or signing.count >= MAX_SIGNED_PER_WINDOW):
        decision.reply = Judged(is_accepted=False, reason="too many requests: try again later")
        return
    if reason is not None:
        decision.reply = Judged(is_accepted=False, reason=reason)
        if _signs(site, event.certificate_type):  # elsewhere stations may ask all day, nobody wants them to have one
            text = f"no certificate was signed for station {event.station_id}: {reason}"
            decision.raise_alarm(site, now, REFUSED, Severity.WARNING, text, event.station_id)
        return
    signing.count += 1
    signing.under_way, signing.since = csr_hash, now
    wanted = SignCertificate(
        station_id=event.station_id,
        csr=event.csr,
        certificate_type=event.certificate_type,
        common_name=event.request.common_name if event.request is not None else _name_of(station),
    )
    decision.errands = (*decision.errands, wanted)
    decision.reply = Judged(is_accepted=True)


def _objection(site: Site, station: Station, event: SigningRequested) -> str | None:
    """Why a request is not signed; None for a good one."""
    rules = site.rules.certificates
    if not rules.is_signing and not rules.is_signing_v2g:
        return "this site has no CA: see `ohmstead-edge ca init`"
    if not station.is_known or station.station_id not in site.rules.stations:
        return "the station is not configured"
    if not _signs(site, event.certificate_type):
        return f"the site CA signs no {event.certificate_type}"
    request = event.request
    if request is None:
        return "the request could not be examined"
    if request.problem is not None:
        return request.problem
    if request.common_name != _name_of(station) and not _is_secc(rules, event, request.common_name):
        setting = "certificate_name" if event.certificate_type == STATION_CERTIFICATE else "secc_ids"
        return (
            f"its common name is {request.common_name!r}, expected {_name_of(station)!r}"
            f" (`{setting}` of the station says otherwise)"
        )
    return _weakness(request, rules.rsa_bits_at_least)


def _signs(site: Site, certificate_type: str) -> bool:
    rules = site.rules.certificates
    return {STATION_CERTIFICATE: rules.is_signing, V2G_CERTIFICATE: rules.is_signing_v2g}.get(certificate_type, False)


def _is_secc(rules: CertificateRules, event: SigningRequested, name: str) -> bool:
    """ISO 15118-2: the certificate of a SECC names its SECC id; a station may have one for each EVSE."""
    return event.certificate_type == V2G_CERTIFICATE and name in rules.secc_ids.get(event.station_id, ())


def _weakness(request: CertificateRequest, rsa_bits_at_least: int) -> str | None:
    if request.key == "RSA":
        is_strong = rsa_bits_at_least <= request.key_bits <= 8192
        return None if is_strong else f"an RSA key of {request.key_bits} bits; {rsa_bits_at_least} to 8192 are expected"
    return None if request.key in CURVES else f"a key on {request.key}; expected one of {', '.join(sorted(CURVES))}"


def _name_of(station: Station) -> str:
    return station.rules.certificate_name or station.station_id


def send(site: Site, decision: Decision, event: CertificateSigned, now: datetime) -> None:
    """A02.FR.03: the certificate is made; journaled before anyone hears of it, then sent to its station."""
    decision.journal(
        site,
        now,
        CertificateIssued(
            station_id=event.station_id,
            certificate_type=event.certificate_type,
            serial_number=event.serial_number,
            common_name=event.common_name,
            fingerprint=event.fingerprint,
            not_before=event.not_before,
            not_after=event.not_after,
            certificate=event.certificate,
        ),
    )
    signing = site.signings.get(event.station_id)
    if signing is not None:
        signing.under_way = signing.since = None
        signing.sent[event.certificate_type] = StationCertificate(
            serial_number=event.serial_number, not_before=event.not_before, not_after=event.not_after
        )
    if site.station(event.station_id).is_online:
        kind: Literal["ChargingStationCertificate", "V2GCertificate"] = (
            "V2GCertificate" if event.certificate_type == V2G_CERTIFICATE else "ChargingStationCertificate"
        )
        told = SendSignedCertificate(certificate_chain=event.chain, certificate_type=kind)
        ask(site, decision, event.station_id, told, now)


def note_failed(site: Site, decision: Decision, event: SigningFailed, now: datetime) -> None:
    signing = site.signings.get(event.station_id)
    if signing is not None:
        signing.under_way = signing.since = None
    text = f"no certificate could be signed for station {event.station_id}: {event.reason}"
    decision.raise_alarm(site, now, REFUSED, Severity.CRITICAL, text, event.station_id)


def revoke(site: Site, decision: Decision, event: RevocationOrdered, now: datetime) -> None:
    """The staff takes a certificate back. It stays so: the station needs another key."""
    body = CertificateRevoked(station_id=event.station_id, serial_number=event.serial_number)
    decision.journal(site, now, body)
    used = site.certificates.get(event.station_id)
    if used is not None and used.serial_number == event.serial_number:
        del site.certificates[event.station_id]
        decision.clear_alarm(site, now, EXPIRES, event.station_id)
    errand = DistrustCertificate(station_id=event.station_id, serial_number=event.serial_number)
    decision.errands = (*decision.errands, errand)
    decision.reply = Done(text=f"certificate {event.serial_number} of {event.station_id} is revoked")


# --- what stations answer ---


def note_answer(
    site: Site, decision: Decision, station: Station, command: OpenCommand, answer: CommandAnswered, now: datetime
) -> None:
    """Of one of the operations of this block."""
    match command.operation:
        case SendSignedCertificate(certificate_type=certificate_type):
            _note_sent(site, decision, station.station_id, certificate_type, answer, now)
        case InstallCertificate() | DeleteCertificate() if answer.is_accepted:
            ask(site, decision, station.station_id, GetInstalledCertificateIds(), now)
        case GetInstalledCertificateIds() as asked if answer.is_accepted and not asked.certificate_types:
            told = (answer.result or {}).get("certificates")
            certificates = tuple(told)[:MAX_INSTALLED_TOLD] if isinstance(told, list | tuple) else ()
            body = InstalledCertificatesReported(station_id=station.station_id, certificates=certificates)
            decision.journal(site, now, body)
        case _:
            pass


def _note_sent(
    site: Site, decision: Decision, station_id: str, certificate_type: str, answer: CommandAnswered, now: datetime
) -> None:
    """A02.FR.06: the station checks what it is sent, and may not like it."""
    signing = site.signings.get(station_id)
    sent = signing.sent.pop(certificate_type, None) if signing is not None else None
    if sent is None:
        return  # sent by hand
    if not answer.is_accepted:
        text = f"station {station_id} did not take its certificate: {answer.detail}"
        decision.raise_alarm(site, now, REFUSED, Severity.WARNING, text, station_id)
        return
    decision.journal(
        site,
        now,
        CertificateAccepted(
            station_id=station_id,
            serial_number=sent.serial_number,
            not_before=sent.not_before,
            not_after=sent.not_after,
        ),
    )
    decision.clear_alarm(site, now, REFUSED, station_id)
    if certificate_type == STATION_CERTIFICATE:  # a station looks after what it shows to vehicles itself (M06)
        site.certificates[station_id] = sent
        site.renewals.asked_at.pop(station_id, None)
        decision.clear_alarm(site, now, EXPIRES, station_id)


# --- renewal ---


def renew(site: Site, decision: Decision, now: datetime) -> None:
    """With every tick: ask a few of the stations whose certificates end soon for a new request (A03).

    Few at once, for each answer is a signature; and a station that does nothing is asked again hours later.
    """
    rules, renewals = site.rules.certificates, site.renewals
    if not rules.is_signing:
        return
    if renewals.look_again_at is None or now >= renewals.look_again_at:
        renewals.look_again_at = now + LOOK_EVERY
        renewals.waiting = _due(site, now)
        _warn(site, decision, now)
    asked = 0
    while renewals.waiting and asked < rules.renewals_per_tick:
        station_id = renewals.waiting.pop()
        station = site.stations.get(station_id)
        if station is None or not station.is_online:
            continue
        asked += 1
        renewals.asked_at[station_id] = now
        ask(site, decision, station_id, TriggerMessage(requested_message="SignChargingStationCertificate"), now)


def _due(site: Site, now: datetime) -> list[str]:
    """Whose certificate ends soon, the most urgent last."""
    soon, asked_at = now + site.rules.certificates.renew_before, site.renewals.asked_at
    due = [
        (certificate.not_after, station_id)
        for station_id, certificate in site.certificates.items()
        if certificate.not_after <= soon
        and (station_id not in asked_at or now - asked_at[station_id] >= ASK_AGAIN_AFTER)
    ]
    return [station_id for _, station_id in sorted(due, reverse=True)]


def _warn(site: Site, decision: Decision, now: datetime) -> None:
    soon = now + site.rules.certificates.warn_before
    for station_id, certificate in site.certificates.items():
        if certificate.not_after <= soon:
            ends = f"{certificate.not_after:%Y-%m-%d %H:%M} UTC"
            text = f"the certificate of station {station_id} ends at {ends} and was not renewed"
            decision.raise_alarm(site, now, EXPIRES, Severity.CRITICAL, text, station_id)


# --- passwords and security profiles ---


def change_password(site: Site, decision: Decision, event: PasswordChanged, now: datetime) -> None:
    """OCPP 2.0.1 A01: a step of it becomes durable before it counts."""
    if event.station_id not in site.rules.stations:
        decision.reply = Refused(reason=f"station {event.station_id} is not configured")
        return
    body = StationPasswordChanged(
        station_id=event.station_id, stage=event.stage, hashes=event.hashes, instead_of=event.instead_of
    )
    decision.journal(site, now, body)
    decision.reply = Done(text=f"the password of {event.station_id} is {event.stage}")


def change_security_profile(site: Site, decision: Decision, event: SecurityProfileChanged, now: datetime) -> None:
    """OCPP 2.0.1 A05: a step of it becomes durable."""
    if event.station_id not in site.rules.stations:
        decision.reply = Refused(reason=f"station {event.station_id} is not configured")
        return
    body = StationSecurityProfileChanged(
        station_id=event.station_id,
        stage=event.stage,
        security_profile=event.security_profile,
        instead_of=event.instead_of,
    )
    decision.journal(site, now, body)
    decision.reply = Done(text=f"security profile {event.security_profile} of {event.station_id} is {event.stage}")
