"""Security events, certificates and passwords on the disk, and what comes back from it."""

from __future__ import annotations

from datetime import timedelta

from edge.domain.events import (
    AlarmDismissed,
    CertificateSigned,
    PasswordChanged,
    Refused,
    RevocationOrdered,
    SecurityProfileChanged,
)
from edge.domain.station_security import CertificateRules
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.ledger.security_reading import installed_certificates, issued_certificates, security_events
from edge.ledger.security_tables import kept_passwords, kept_profiles, revoked_serials
from protocols.charger.events import CertificateRequest, CommandAnswered, SecurityEventReported, SigningRequested
from protocols.charger.operations.certificates import GetInstalledCertificateIds
from protocols.sync.down import Command, Operate
from tests.edge.domain.site_kit import new_site
from tests.edge.ledger.conftest import LedgerPlay

RULES = new_site(certificates=CertificateRules(is_signing=True)).rules


def enroll(play: LedgerPlay, serial: str, *, is_accepted: bool = True) -> None:
    play.site.rules = RULES
    play.tell(
        SigningRequested(
            station_id="B", csr=serial, request=CertificateRequest(common_name="B", key="secp256r1", key_bits=256)
        )
    )
    made = CertificateSigned(
        station_id="B",
        certificate_type="ChargingStationCertificate",
        serial_number=serial,
        common_name="B",
        fingerprint="ab",
        not_before=play.now,
        not_after=play.now + timedelta(days=365),
        certificate="LEAF",
        chain="CHAIN",
    )
    (command,) = play.tell(made).commands
    play.tell(CommandAnswered(station_id="B", command_id=command.command_id, is_accepted=is_accepted))


def test_the_newest_certificate_that_was_taken_is_in_use_after_a_restart(play: LedgerPlay, ledger: Ledger) -> None:
    enroll(play, "01")
    play.after(60)
    enroll(play, "02")
    play.after(60)
    enroll(play, "03", is_accepted=False)
    again = restore(ledger, RULES)
    assert again.certificates == play.site.certificates
    assert again.certificates["B"].serial_number == "02"
    states = {
        row["serial_number"]: row["accepted_at"] is not None for row in issued_certificates(ledger.connection, "B")
    }
    assert states == {"01": True, "02": True, "03": False}
    assert issued_certificates(ledger.connection, "A") == []


def test_a_revoked_certificate_stays_revoked(play: LedgerPlay, ledger: Ledger) -> None:
    enroll(play, "01")
    play.tell(RevocationOrdered(station_id="B", serial_number="01"))
    assert revoked_serials(ledger.connection) == {"01"}
    assert restore(ledger, RULES).certificates == {}


def test_security_events_are_counted_over_a_restart(play: LedgerPlay, ledger: Ledger) -> None:
    for info in ("first", "second"):
        play.tell(SecurityEventReported(station_id="A", type="TamperDetectionActivated", at=None, tech_info=info))
        play.after(5)
    (row,) = security_events(ledger.connection, "A")
    assert (row["count"], row["tech_info"]) == (2, "second")
    assert row["first_at"] < row["last_at"]
    play.site = restore(ledger, play.site.rules)
    assert play.site.security["A"].counts == {"TamperDetectionActivated": 2}
    assert "security_event_TamperDetectionActivated:A" in play.site.alarms
    play.tell(AlarmDismissed(alarm_id="security_event_TamperDetectionActivated:A"))
    assert restore(ledger, play.site.rules).alarms == {}


def test_what_a_station_holds_is_kept_as_it_told_it_last(play: LedgerPlay, ledger: Ledger) -> None:
    for number, told in enumerate(([{"serial_number": "1"}, {"serial_number": "2"}], [{"serial_number": "2"}])):
        body = Operate(station_id="B", operation=GetInstalledCertificateIds())
        command = Command(id=f"c{number}", issued_at=play.now, expires_at=play.now + timedelta(minutes=1), body=body)
        (asked,) = play.tell(command).commands
        play.tell(
            CommandAnswered(
                station_id="B", command_id=asked.command_id, is_accepted=True, result={"certificates": told}
            )
        )
    (row,) = installed_certificates(ledger.connection, None)
    assert (row["station_id"], row["certificates"]) == ("B", [{"serial_number": "2"}])


def changed(play: LedgerPlay, stage: str, *hashes: str, instead_of: str = "config") -> object:
    return play.tell(
        PasswordChanged(station_id="A", stage=stage, hashes=hashes, instead_of=instead_of)  # type: ignore[arg-type]
    ).reply


def kept(ledger: Ledger) -> tuple[str | None, tuple[str, ...], str]:
    (row,) = kept_passwords(ledger.connection)
    return row.adopted, row.offered, row.instead_of


def test_a_password_goes_from_offered_to_adopted(play: LedgerPlay, ledger: Ledger) -> None:
    changed(play, "offered", "one", "two")
    assert kept(ledger) == (None, ("one", "two"), "config")
    changed(play, "adopted", "two")
    assert kept(ledger) == ("two", (), "config")
    changed(play, "offered", "three")
    assert kept(ledger) == ("two", ("three",), "config")
    changed(play, "withdrawn")
    assert kept(ledger) == ("two", (), "config")
    changed(play, "offered", "four", instead_of="another config")
    assert kept(ledger) == (None, ("four",), "another config")


def test_a_station_that_is_not_configured_has_no_password(play: LedgerPlay, ledger: Ledger) -> None:
    reply = play.tell(PasswordChanged(station_id="X", stage="offered", hashes=("one",), instead_of="x")).reply
    assert isinstance(reply, Refused)
    assert kept_passwords(ledger.connection) == []


def raised(play: LedgerPlay, stage: str, profile: int, instead_of: int = 1, station_id: str = "A") -> object:
    return play.tell(
        SecurityProfileChanged(
            station_id=station_id,
            stage=stage,  # type: ignore[arg-type]
            security_profile=profile,
            instead_of=instead_of,
        )
    ).reply


def kept_profile(ledger: Ledger) -> tuple[int | None, int | None, int]:
    (row,) = kept_profiles(ledger.connection)
    return row.adopted, row.offered, row.instead_of


def test_a_security_profile_goes_from_offered_to_adopted(play: LedgerPlay, ledger: Ledger) -> None:
    raised(play, "offered", 2)
    assert kept_profile(ledger) == (None, 2, 1)
    raised(play, "adopted", 2)
    assert kept_profile(ledger) == (2, None, 1)
    raised(play, "offered", 3)
    assert kept_profile(ledger) == (2, 3, 1)
    raised(play, "offered", 3, instead_of=2)
    assert kept_profile(ledger) == (None, 3, 2)
    raised(play, "adopted", 3, instead_of=2)
    assert kept_profile(ledger) == (3, None, 2)
    raised(play, "forgotten", 2, instead_of=2)
    assert kept_profiles(ledger.connection) == []
    raised(play, "adopted", 2)
    assert kept_profile(ledger) == (2, None, 1), "it came before what was offered was kept"


def test_a_station_that_is_not_configured_has_no_security_profile(play: LedgerPlay, ledger: Ledger) -> None:
    assert isinstance(raised(play, "offered", 2, station_id="X"), Refused)
    assert kept_profiles(ledger.connection) == []
