"""What is shown is true: one word for an EVSE, never free when it is not known to be."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from edge.domain.events import Restarted, Ticked
from edge.domain.site import Site
from edge.domain.stations import SETTLED_AFTER
from edge.domain.view import birth, evse_live, evse_state, evse_view, snapshot, totals
from protocols.charger.abilities import OCPP_16
from protocols.charger.events import MeterValuesReported, Sample, StationConnected, StationDisconnected, StatusReported
from protocols.sync.up import AlarmCleared, AlarmRaised
from protocols.terms import ChargingState, ConnectorStatus, EvseRef, EvseState, Measurand
from tests.edge.domain.site_kit import Play, register

A1 = EvseRef("A", 1)


@pytest.fixture
def play() -> Play:
    play = Play()
    play.connect()
    return play


def state(site: Site, ref: EvseRef = A1) -> EvseState:
    return evse_state(site, site.evses[ref])


def power(watt: int, phase: str | None = None) -> Sample:
    return Sample(measurand=Measurand.POWER, value=watt, at=None, phase=phase)


def test_what_nobody_has_told_is_not_free() -> None:
    play = Play()
    assert state(play.site) is EvseState.OFFLINE
    play.tell(StationConnected(station_id="A", abilities=OCPP_16))
    assert state(play.site) is EvseState.UNAVAILABLE
    play.status("A", 1, ConnectorStatus.AVAILABLE)
    assert state(play.site) is EvseState.FREE


def test_what_was_free_before_the_station_was_away_is_not_free_until_it_says_so(play: Play) -> None:
    """A driver may have come while it was cut off: that is told a moment after the connection, or not at all."""
    assert state(play.site) is EvseState.FREE
    play.tell(StationDisconnected(station_id="A"))
    play.after(60)
    decision = play.tell(StationConnected(station_id="A", abilities=OCPP_16))
    assert A1 in decision.shown
    assert state(play.site) is EvseState.UNAVAILABLE
    decision = play.status("A", 1, ConnectorStatus.AVAILABLE)
    assert state(play.site) is EvseState.FREE
    assert A1 in decision.shown, "also when it says what it said before"


@pytest.mark.parametrize("said", [ConnectorStatus.OCCUPIED, ConnectorStatus.RESERVED])
def test_what_was_taken_before_the_station_was_away_is_not_taken_until_it_says_so(
    play: Play, said: ConnectorStatus
) -> None:
    """The driver may have left meanwhile: "occupied" is then as untrue as "free" would be when one has come."""
    play.status("A", 1, said)
    shown = state(play.site)
    play.tell(StationDisconnected(station_id="A"))
    play.after(60)
    play.tell(StationConnected(station_id="A", abilities=OCPP_16))
    assert state(play.site) is EvseState.UNAVAILABLE
    decision = play.status("A", 1, said)
    assert state(play.site) is shown
    assert A1 in decision.shown


def test_what_is_taken_and_not_repeated_is_believed_after_a_while(play: Play) -> None:
    play.status("A", 1, ConnectorStatus.OCCUPIED)
    play.tell(StationDisconnected(station_id="A"))
    play.tell(StationConnected(station_id="A", abilities=OCPP_16))
    play.now += SETTLED_AFTER
    assert A1 in play.tell(Ticked()).shown
    assert state(play.site) is EvseState.OCCUPIED


def test_a_transaction_and_a_fault_outlast_an_absence_until_their_end_is_told(play: Play) -> None:
    """A transaction is the site's own record, as old as its tile says; a fault stays with its alarm."""
    play.start(1000)
    play.status("A", 2, ConnectorStatus.FAULTED)
    play.tell(StationDisconnected(station_id="A"))
    play.tell(StationConnected(station_id="A", abilities=OCPP_16))
    assert state(play.site) is EvseState.CHARGING
    assert state(play.site, EvseRef("A", 2)) is EvseState.FAULTED


def test_a_station_that_does_not_repeat_its_states_is_believed_after_a_while(play: Play) -> None:
    """OCPP 1.6 §4.9: a station tells its states after a reconnect only where they have changed."""
    play.tell(StationDisconnected(station_id="A"))
    play.tell(StationConnected(station_id="A", abilities=OCPP_16))
    play.now += SETTLED_AFTER - timedelta(seconds=1)
    assert A1 not in play.tell(Ticked()).shown
    assert state(play.site) is EvseState.UNAVAILABLE
    play.now += timedelta(seconds=2)
    assert A1 in play.tell(Ticked()).shown
    assert state(play.site) is EvseState.FREE


def test_an_agent_that_starts_anew_waits_for_the_stations_too(play: Play) -> None:
    play.tell(Restarted())
    assert state(play.site) is EvseState.OFFLINE
    play.tell(StationConnected(station_id="A", abilities=OCPP_16))
    assert state(play.site) is EvseState.UNAVAILABLE
    play.tell(StationDisconnected(station_id="A"))
    play.now += SETTLED_AFTER * 2
    assert A1 not in play.tell(Ticked()).shown
    assert state(play.site) is EvseState.OFFLINE


def test_the_words_of_a_session(play: Play) -> None:
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED)
    assert state(play.site) is EvseState.OCCUPIED
    play.start(1000)
    assert state(play.site) is EvseState.CHARGING
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
    assert state(play.site) is EvseState.OCCUPIED
    play.status("A", 1, ConnectorStatus.FAULTED, error_code="GroundFailure")
    assert state(play.site) is EvseState.FAULTED
    assert evse_view(play.site, play.site.evses[A1], play.now).error == "GroundFailure"
    assert [alarm.evse_id for alarm in play.found(AlarmRaised)] == [1]
    play.status("A", 1, ConnectorStatus.RESERVED)
    assert len(play.found(AlarmCleared)) == 1
    play.tell(StationDisconnected(station_id="A"))
    assert state(play.site) is EvseState.OFFLINE


def test_the_whole_station_can_be_out_of_service(play: Play) -> None:
    play.tell(StatusReported(station_id="A", evse_id=0, connector_id=0, status=ConnectorStatus.UNAVAILABLE))
    assert [state(play.site, EvseRef("A", n)) for n in (1, 2)] == [EvseState.UNAVAILABLE] * 2


def test_a_tile_shows_power_energy_minutes_and_cost(play: Play) -> None:
    play.start(1000)
    play.after(30)
    samples = (register(6000, play.now), power(3000, "L1"), power(4000, "L2"), power(4000, "L3"))
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=samples))
    tile = evse_view(play.site, play.site.evses[A1], play.now)
    assert (tile.power_w, tile.energy_wh, tile.duration_s, tile.cost) == (11_000, 5000, 1800, Decimal("2.98"))
    assert not tile.is_reading_old
    assert totals(play.site, play.now).power_w == 11_000
    assert evse_view(play.site, play.site.evses[A1], play.now + timedelta(minutes=6)).is_reading_old
    play.tell(StationDisconnected(station_id="A"))
    tile = evse_view(play.site, play.site.evses[A1], play.now)
    assert (tile.is_reading_old, tile.power_w, tile.energy_wh) == (True, None, 5000)
    assert totals(play.site, play.now).power_w == 0


def test_power_ends_with_charging(play: Play) -> None:
    number = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=(power(7000),)))
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
    assert play.site.power_w == 0
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=(power(7000),)))
    play.after(1)
    play.stop(number, 1100)
    assert play.site.power_w == 0


def test_samples_from_an_offline_queue_are_not_the_present(play: Play) -> None:
    play.start(1000)
    play.after(120)
    old = Sample(measurand=Measurand.POWER, value=9000, at=play.now - timedelta(minutes=90))
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=(old,)))
    assert play.site.power_w == 0


def test_birth_snapshot_and_live_show_the_same_site(play: Play) -> None:
    play.start(1000)
    born = birth(play.site, play.now)
    assert [live.state for live in born.evses] == [tile.state for tile in snapshot(play.site, play.now).evses]
    assert {p.stream: p.last_seq for p in born.streams} == play.site.last_seq
    live = evse_live(play.site, play.site.evses[A1], play.now)
    assert live.transaction_id in play.site.transactions
