"""Certificates: who may have one signed, what is sent, and when it is renewed. No key is needed to decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.certificates import MAX_SIGNED_PER_WINDOW
from edge.domain.decision import Decision
from edge.domain.errands import DistrustCertificate, SignCertificate
from edge.domain.events import CertificateSigned, RevocationOrdered, SigningFailed, Ticked
from edge.domain.rules import StationRules
from edge.domain.station_security import CertificateRules
from protocols.charger.commands import ChargerCommand, Judged
from protocols.charger.events import CertificateRequest, CommandAnswered, SigningRequested
from protocols.charger.operations.certificates import (
    CertificateHash,
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    SendSignedCertificate,
)
from protocols.charger.operations.variables import TriggerMessage
from protocols.sync.down import Command, Operate
from protocols.sync.upkeep import (
    CertificateAccepted,
    CertificateIssued,
    CertificateRevoked,
    InstalledCertificatesReported,
)
from tests.edge.domain.site_kit import Play, new_site

GOOD = CertificateRequest(common_name="B", key="secp256r1", key_bits=256)


def play_of(**rules: Any) -> Play:
    play = Play(site=new_site(certificates=CertificateRules(is_signing=True, **rules)))
    play.connect()
    return play


def want(
    play: Play, request: CertificateRequest | None = GOOD, csr: str = "CSR", station: str = "B", **more: Any
) -> Decision:
    return play.tell(SigningRequested(station_id=station, csr=csr, request=request, **more))


def signed(
    play: Play, days: float = 365, serial: str = "0A", station: str = "B", kind: str = "ChargingStationCertificate"
) -> Decision:
    return play.tell(
        CertificateSigned(
            station_id=station,
            certificate_type=kind,
            serial_number=serial,
            common_name=station,
            fingerprint="ab",
            not_before=play.now,
            not_after=play.now + timedelta(days=days),
            certificate="LEAF",
            chain="CHAIN",
        )
    )


def answer(
    play: Play, command: ChargerCommand, is_accepted: bool = True, detail: str = "", result: Any = None
) -> Decision:
    return play.tell(
        CommandAnswered(
            station_id=command.station_id,
            command_id=command.command_id,
            is_accepted=is_accepted,
            detail=detail,
            result=result,
        )
    )


def enroll(play: Play, days: float = 365, serial: str = "0A") -> None:
    want(play, csr=f"CSR {serial}")
    (command,) = signed(play, days, serial).commands
    answer(play, command)


def refusal(decision: Decision) -> str:
    assert isinstance(decision.reply, Judged)
    assert not decision.reply.is_accepted
    assert decision.errands == ()
    return decision.reply.reason


def test_from_the_request_to_the_certificate_in_use() -> None:
    play = play_of()
    asked = want(play)
    assert asked.reply == Judged(is_accepted=True)
    assert asked.entries == []
    (errand,) = asked.errands
    assert errand == SignCertificate(
        station_id="B", csr="CSR", certificate_type="ChargingStationCertificate", common_name="B"
    )
    made = signed(play)
    assert [entry.body.serial_number for entry in made.entries] == ["0A"]  # type: ignore[union-attr]
    (command,) = made.commands
    assert command.operation == SendSignedCertificate(certificate_chain="CHAIN")
    answer(play, command)
    (accepted,) = play.found(CertificateAccepted)
    assert accepted.serial_number == "0A"
    assert play.site.certificates["B"].not_after == play.now + timedelta(days=365)
    assert play.site.alarms == {}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (None, "could not be examined"),
        (CertificateRequest(problem="the request is not signed with its own key"), "not signed"),
        (CertificateRequest(common_name="A", key="secp256r1"), "common name is 'A', expected 'B'"),
        (CertificateRequest(common_name="", key="secp256r1"), "common name is ''"),
        (CertificateRequest(common_name="B", key="RSA", key_bits=1024), "1024 bits"),
        (CertificateRequest(common_name="B", key="RSA", key_bits=16384), "16384 bits"),
        (CertificateRequest(common_name="B", key="secp192r1"), "secp192r1"),
        (CertificateRequest(common_name="B", key=""), "expected one of"),
    ],
)
def test_a_request_that_is_not_good_is_refused_with_an_alarm(request_: CertificateRequest | None, words: str) -> None:
    play = play_of()
    assert words in refusal(want(play, request_))
    assert words in play.site.alarms["certificate_refused:B"].text
    want(play, request_)
    assert len(play.site.alarms) == 1


def test_a_good_request_clears_the_alarm_once_the_station_has_its_certificate() -> None:
    play = play_of()
    want(play, CertificateRequest(common_name="A", key="secp256r1"))
    enroll(play)
    assert play.site.alarms == {}


def test_without_a_ca_nothing_is_signed() -> None:
    play = Play()
    assert "no CA" in refusal(want(play))
    assert play.site.alarms == {}


def test_a_stranger_gets_no_certificate() -> None:
    play = play_of()
    stranger = CertificateRequest(common_name="X", key="secp256r1")
    assert "not configured" in refusal(want(play, stranger, station="X"))


def test_the_site_ca_signs_for_no_vehicle() -> None:
    play = play_of()
    assert "V2GCertificate" in refusal(want(play, certificate_type="V2GCertificate"))
    play = Play(site=new_site(certificates=CertificateRules(is_signing_v2g=True)))
    assert "ChargingStationCertificate" in refusal(want(play))


def test_what_a_station_shows_to_vehicles_is_signed_where_there_is_a_sub_ca_for_it() -> None:
    """It may name one of the station's SECC ids; who is let in by a certificate is named by the other one alone."""
    play = play_of(is_signing_v2g=True, secc_ids={"B": frozenset({"DEOHM1"})})
    secc = CertificateRequest(common_name="DEOHM1", key="secp256r1", key_bits=256)
    assert "certificate_name" in refusal(want(play, secc))
    other = CertificateRequest(common_name="DEOHM2", key="secp256r1", key_bits=256)
    assert "secc_ids" in refusal(want(play, other, certificate_type="V2GCertificate"))
    (errand,) = want(play, secc, certificate_type="V2GCertificate").errands
    assert errand == SignCertificate(station_id="B", csr="CSR", certificate_type="V2GCertificate", common_name="DEOHM1")
    (command,) = signed(play, serial="0B", kind="V2GCertificate").commands
    assert command.operation == SendSignedCertificate(certificate_chain="CHAIN", certificate_type="V2GCertificate")
    answer(play, command)
    assert [accepted.serial_number for accepted in play.found(CertificateAccepted)] == ["0B"]
    assert play.site.certificates == {}, "it is not what the station comes with, and is renewed by the station"


def test_two_certificates_that_are_on_their_way_are_not_taken_for_each_other() -> None:
    play = play_of(is_signing_v2g=True)
    want(play)
    (first,) = signed(play, serial="0A").commands
    want(play, csr="OTHER", certificate_type="V2GCertificate")
    (second,) = signed(play, serial="0B", kind="V2GCertificate").commands
    answer(play, second)
    answer(play, first)
    assert [accepted.serial_number for accepted in play.found(CertificateAccepted)] == ["0B", "0A"]
    assert play.site.certificates["B"].serial_number == "0A"


def test_the_configuration_names_a_station_by_its_serial_number_not_the_station_itself() -> None:
    play = play_of()
    play.site.stations["B"].rules = StationRules(station_id="B", certificate_name="SN-77")
    play.site.stations["B"].serial_number = "A"
    assert "expected 'SN-77'" in refusal(want(play, CertificateRequest(common_name="A", key="secp256r1")))
    decision = want(play, CertificateRequest(common_name="SN-77", key="secp256r1"))
    assert isinstance(decision.errands[0], SignCertificate)
    assert decision.errands[0].common_name == "SN-77"


def test_a_request_said_again_is_signed_once() -> None:
    play = play_of()
    assert len(want(play).errands) == 1
    again = want(play)
    assert again.reply == Judged(is_accepted=True)
    assert again.errands == ()


def test_another_request_waits_until_the_one_before_is_done_or_lost() -> None:
    play = play_of()
    want(play, csr="one")
    assert "too many" in refusal(want(play, csr="two"))
    play.after(3)
    assert len(want(play, csr="two").errands) == 1


def test_a_station_that_has_certificates_signed_all_the_time_is_slowed_down() -> None:
    play = play_of()
    for number in range(MAX_SIGNED_PER_WINDOW):
        want(play, csr=f"csr {number}")
        signed(play, serial=f"{number:02X}")
    assert "too many" in refusal(want(play, csr="one more"))
    play.after(61)
    assert len(want(play, csr="one more").errands) == 1


def test_a_ca_that_fails_raises_an_alarm_and_the_station_may_ask_again() -> None:
    play = play_of()
    want(play, csr="one")
    play.tell(SigningFailed(station_id="B", reason="the issuing certificate ended on 2026-01-01"))
    assert "ended on" in play.site.alarms["certificate_refused:B"].text
    assert len(want(play, csr="two").errands) == 1


def test_a_station_that_went_away_meanwhile_is_not_asked() -> None:
    play = play_of()
    want(play)
    play.site.stations["B"].is_online = False
    decision = signed(play)
    assert decision.commands == []
    assert len(play.found(CertificateIssued)) == 1


def test_a_station_that_does_not_take_its_certificate_raises_an_alarm() -> None:
    play = play_of()
    want(play)
    (command,) = signed(play).commands
    answer(play, command, is_accepted=False, detail="Rejected")
    assert "Rejected" in play.site.alarms["certificate_refused:B"].text
    assert play.site.certificates == {}


# --- renewal ---


def ticked(play: Play) -> list[str]:
    """Who is asked for a new request."""
    commands = play.tell(Ticked()).commands
    return [each.station_id for each in commands if isinstance(each.operation, TriggerMessage)]


def test_a_certificate_is_renewed_before_its_end() -> None:
    play = play_of()
    enroll(play, days=40)
    assert ticked(play) == []
    play.after(11 * 24 * 60)
    (command,) = play.tell(Ticked()).commands
    assert command.operation == TriggerMessage(requested_message="SignChargingStationCertificate")
    assert ticked(play) == []
    play.after(60)
    assert ticked(play) == [], "it was just asked"
    play.after(6 * 60)
    assert ticked(play) == ["B"], "it did nothing"
    enroll(play, days=365, serial="0B")
    play.after(7 * 60)
    assert ticked(play) == []


def test_renewals_are_spread_over_ticks_the_most_urgent_first() -> None:
    play = play_of(renewals_per_tick=1)
    for station, days in (("A", 20), ("B", 10)):
        want(play, CertificateRequest(common_name=station, key="secp256r1"), station=station)
        (command,) = signed(play, days, serial=station, station=station).commands
        answer(play, command)
    assert [ticked(play), ticked(play), ticked(play)] == [["B"], ["A"], []]


def test_a_station_that_is_away_is_asked_when_it_is_back() -> None:
    play = play_of()
    enroll(play, days=10)
    play.site.stations["B"].is_online = False
    assert ticked(play) == []
    play.site.stations["B"].is_online = True
    play.after(61)
    assert ticked(play) == ["B"]


def test_a_certificate_that_ends_soon_without_a_new_one_raises_an_alarm() -> None:
    play = play_of()
    enroll(play, days=10)
    ticked(play)
    assert play.site.alarms == {}
    play.after(4 * 24 * 60)
    ticked(play)
    assert "was not renewed" in play.site.alarms["certificate_expires:B"].text
    enroll(play, days=365, serial="0B")
    assert play.site.alarms == {}


def test_a_revoked_certificate_is_distrusted_and_not_renewed() -> None:
    play = play_of()
    enroll(play, days=10)
    decision = play.tell(RevocationOrdered(station_id="B", serial_number="0A"))
    assert decision.errands == (DistrustCertificate(station_id="B", serial_number="0A"),)
    assert len(play.found(CertificateRevoked)) == 1
    assert ticked(play) == []


# --- what stations hold ---

HELD = {"certificate_type": "CSMSRootCertificate", "hash_algorithm": "SHA256", "serial_number": "1"}


def operate(play: Play, operation: Any) -> ChargerCommand:
    body = Operate(station_id="B", operation=operation)
    command = Command(id=f"c{len(play.recorded)}", issued_at=play.now, expires_at=play.now + timedelta(1), body=body)
    (sent,) = play.tell(command).commands
    return sent


@pytest.mark.parametrize(
    "operation",
    [
        InstallCertificate(certificate_type="CSMSRootCertificate", certificate="PEM"),
        DeleteCertificate(
            certificate=CertificateHash(
                hash_algorithm="SHA256", issuer_name_hash="aa", issuer_key_hash="bb", serial_number="1"
            )
        ),
    ],
)
def test_after_a_change_the_station_is_asked_what_it_holds(operation: Any) -> None:
    play = play_of()
    (asked,) = answer(play, operate(play, operation)).commands
    assert asked.operation == GetInstalledCertificateIds()
    answer(play, asked, result={"certificates": [HELD]})
    (told,) = play.found(InstalledCertificatesReported)
    assert told.certificates == (HELD,)
    assert answer(play, operate(play, operation), is_accepted=False, detail="Failed").commands == []


def test_a_list_of_some_types_is_not_taken_for_all() -> None:
    play = play_of()
    some = GetInstalledCertificateIds(certificate_types=("V2GRootCertificate",))
    answer(play, operate(play, some), result={"certificates": []})
    assert play.found(InstalledCertificatesReported) == []


@given(
    st.builds(
        CertificateRequest,
        common_name=st.sampled_from(["B", "b", " B", "B\x00", "A", ""]) | st.text(),
        key=st.sampled_from(["secp256r1", "RSA", "secp192r1", ""]) | st.text(),
        key_bits=st.integers(),
    )
)
def test_whatever_a_request_says_only_the_stations_own_name_is_signed(request_: CertificateRequest) -> None:
    play = play_of()
    for errand in want(play, request_).errands:
        assert isinstance(errand, SignCertificate)
        assert request_.common_name == errand.common_name == "B"
