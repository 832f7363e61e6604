"""Security events: journaled, raised as alarms where a person should look, bounded whatever a station sends."""

from __future__ import annotations

import pytest

from edge.domain.events import AlarmDismissed, Done, Refused
from edge.domain.security_events import KINDS, MAX_JOURNALED_PER_WINDOW, MAX_TYPES_PER_STATION, OTHER
from protocols.charger.events import SecurityEventReported
from protocols.sync.up import AlarmCleared, AlarmRaised, Severity
from protocols.sync.upkeep import SecurityEventSeen
from tests.edge.domain.site_kit import Play

TAMPER = "TamperDetectionActivated"


def report(play: Play, event_type: str, station: str = "A", info: str | None = None) -> None:
    play.tell(SecurityEventReported(station_id=station, type=event_type, at=play.now, tech_info=info))


def test_a_grave_event_raises_one_alarm_however_often_it_comes() -> None:
    play = Play()
    for _ in range(3):
        report(play, TAMPER, info="door")
    (alarm,) = play.found(AlarmRaised)
    assert (alarm.alarm_id, alarm.severity) == (f"security_event_{TAMPER}:A", Severity.CRITICAL)
    assert alarm.station_id == "A"
    assert "door" in alarm.text
    assert [seen.count for seen in play.found(SecurityEventSeen)] == [1, 2, 3]
    assert all(seen.is_critical for seen in play.found(SecurityEventSeen))


def test_alarms_are_per_station_and_type() -> None:
    play = Play()
    report(play, TAMPER)
    report(play, TAMPER, station="B")
    report(play, "MemoryExhaustion")
    assert len(play.site.alarms) == 3


@pytest.mark.parametrize("usual", ["StartupOfTheDevice", "ResetOrReboot", "SettingSystemTime", "VendorsOwn"])
def test_what_belongs_to_a_stations_life_is_journaled_and_alarms_nobody(usual: str) -> None:
    play = Play()
    report(play, usual)
    assert [seen.type for seen in play.found(SecurityEventSeen)] == [usual]
    assert play.site.alarms == {}


def test_the_staff_clears_an_alarm_and_the_next_event_raises_it_again() -> None:
    play = Play()
    report(play, TAMPER)
    assert isinstance(play.tell(AlarmDismissed(alarm_id=f"security_event_{TAMPER}:A")).reply, Done)
    assert play.site.alarms == {}
    assert len(play.found(AlarmCleared)) == 1
    assert isinstance(play.tell(AlarmDismissed(alarm_id=f"security_event_{TAMPER}:A")).reply, Refused)
    report(play, TAMPER)
    assert len(play.found(AlarmRaised)) == 2


def test_a_flood_is_counted_and_not_journaled() -> None:
    play = Play()
    for _ in range(1_000):
        report(play, "InvalidMessages")
    assert len(play.found(SecurityEventSeen)) == MAX_JOURNALED_PER_WINDOW
    play.after(11)
    report(play, "InvalidMessages")
    last = play.found(SecurityEventSeen)[-1]
    assert (last.count, last.left_out) == (1_001, 1_000 - MAX_JOURNALED_PER_WINDOW)


def test_a_flood_does_not_hide_a_grave_event() -> None:
    play = Play()
    for _ in range(100):
        report(play, "InvalidMessages")
    report(play, TAMPER)
    assert f"security_event_{TAMPER}:A" in play.site.alarms
    assert play.found(SecurityEventSeen)[-1].type == TAMPER


def test_a_flood_of_one_station_is_not_that_of_another() -> None:
    play = Play()
    for _ in range(100):
        report(play, "InvalidMessages")
    report(play, "InvalidMessages", station="B")
    assert play.found(SecurityEventSeen)[-1].station_id == "B"


def test_types_that_a_station_makes_up_do_not_grow_without_bound() -> None:
    play = Play()
    for number in range(500):
        report(play, f"Mine{number}")
    assert len(play.site.security["A"].counts) == MAX_TYPES_PER_STATION + 1
    assert play.site.security["A"].counts[OTHER] == 500 - MAX_TYPES_PER_STATION
    report(play, TAMPER)
    assert TAMPER in play.site.security["A"].counts


def test_the_table_has_the_names_of_both_standards() -> None:
    """2.0.1 Part 2 Appendices §1 and the table of the 1.6 whitepaper."""
    for event_type in ("InvalidCsmsCertificate", "InvalidCentralSystemCertificate", "InvalidChargePointCertificate"):
        assert event_type in KINDS
    assert sum(kind.is_critical for kind in KINDS.values()) == 9
