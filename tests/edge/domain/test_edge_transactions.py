"""Chargers that know no transactions: the site runs them, and each ends in exactly one bill."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from edge.domain.decision import Decision
from edge.domain.edge_transactions import ENDS_WITHIN, LINK_LOST
from edge.domain.events import Done, Refused, Restarted, Ticked
from edge.domain.run_book import RunRules
from edge.domain.site import Site, StationRules
from protocols.charger.abilities import Abilities, EnergySource, Polled
from protocols.charger.events import (
    IdTokenPresented,
    MeterValuesReported,
    Sample,
    StationConnected,
    StationDisconnected,
    SteeringReported,
)
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.charger.operations.variables import Reset
from protocols.ocpi.cdr import Cdr
from protocols.sync.down import Command, Operate, RemoteStart, RemoteStop
from protocols.sync.up import CdrIssued, CdrQuarantined, CommandFinished, Outcome, TransactionEnded, TransactionStarted
from protocols.terms import ChargingState, ConnectorStatus, EvseRef, Measurand
from tests.edge.domain.site_kit import START, Play, component, new_site, tariff

KWH = 1000
STATION = EvseRef("A", 1)


@dataclass
class Bay(Play):
    """Station A is polled: its first EVSE is told of second by second."""

    energy: EnergySource = EnergySource.TOTAL
    register_wh: int | None = 5000
    power_w: int = 0
    rolls_over_at_wh: int | None = None
    commands: int = 0

    def __post_init__(self) -> None:
        self.site.rules.runs["A"] = RunRules(end_after=timedelta(minutes=30))
        self.limits: list[float] = []
        self.tell(Restarted())

    def tell(self, event: Any) -> Decision:
        decision = super().tell(event)
        for command in decision.commands:
            assert isinstance(command.operation, SetChargingProfile), command
            if command.station_id == "A" and command.operation.evse_id == 1:
                self.limits.append(command.operation.profile.schedules[0].periods[0].limit)
        return decision

    def find(self) -> None:
        is_estimated = self.energy in (EnergySource.POWER, EnergySource.NONE)
        polled = Polled(
            profile_id="some_charger",
            energy=self.energy,
            rolls_over_at_wh=self.rolls_over_at_wh,
            is_estimated=is_estimated,
        )
        self.tell(StationConnected(station_id="A", abilities=Abilities(ocpp_version=None, polled=polled)))

    def lose(self) -> None:
        self.tell(StationDisconnected(station_id="A"))

    def read(self) -> None:
        """A round of reading: what the meter shows."""
        samples = [Sample(measurand=Measurand.POWER, value=self.power_w, at=self.now)]
        if self.register_wh is not None:
            samples.append(Sample(measurand=Measurand.ENERGY_REGISTER, value=self.register_wh, at=self.now))
        self.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=tuple(samples)))

    def vehicle(self, state: ChargingState = ChargingState.SUSPENDED_EVSE) -> None:
        self.read()
        self.status("A", 1, ConnectorStatus.OCCUPIED, state, at=self.now)

    def no_vehicle(self) -> None:
        self.power_w = 0
        self.read()
        self.status("A", 1, ConnectorStatus.AVAILABLE, at=self.now)

    def card(self, uid: str = "GOOD", **more: Any) -> Decision:
        return self.tell(IdTokenPresented(station_id="A", token_uid=uid, evse_id=1, **more))

    def charge(self, energy_wh: int, minutes: int = 60) -> None:
        """Minute by minute at an even power."""
        self.power_w = energy_wh * 60 // minutes
        self.vehicle(ChargingState.CHARGING)
        for _ in range(minutes):
            self.after(1)
            if self.register_wh is not None:
                self.register_wh += energy_wh // minutes
            self.read()

    def idle(self, seconds: float = 1) -> None:
        """The vehicle draws nothing; one more round."""
        self.power_w = 0
        self.after(seconds / 60)
        self.vehicle(ChargingState.SUSPENDED_EVSE)

    def unplug(self) -> None:
        self.after(1 / 60)
        self.no_vehicle()
        self.after(1 / 60)
        self.read()

    def order(self, body: RemoteStart | RemoteStop | Operate) -> Decision:
        self.commands += 1
        expires_at = self.now + timedelta(minutes=1)
        return self.tell(Command(id=f"c{self.commands}", issued_at=self.now, expires_at=expires_at, body=body))

    def outcome(self, command_id: str) -> CommandFinished | None:
        return next((each for each in self.found(CommandFinished) if each.command_id == command_id), None)

    def bills(self) -> list[Cdr]:
        issued, kept_back = self.found(CdrIssued), self.found(CdrQuarantined)
        return [*(body.cdr for body in issued), *(body.cdr for body in kept_back)]

    def bill(self) -> Cdr:
        """The one that there is, issued."""
        (cdr,) = self.bills()
        assert cdr.quarantine == ()
        assert len(self.found(TransactionStarted)) == len(self.found(TransactionEnded)) == 1
        assert not self.site.transactions
        return cdr


@pytest.fixture
def bay() -> Bay:
    bay = Bay()
    bay.find()
    bay.no_vehicle()
    return bay


def test_plug_card_charge_unplug(bay: Bay) -> None:
    bay.vehicle()
    assert not bay.site.transactions
    bay.card()
    (transaction,) = bay.site.transactions.values()
    assert (transaction.token_uid, transaction.meter_start_wh) == ("GOOD", 5000)
    bay.charge(10 * KWH)
    bay.unplug()
    cdr = bay.bill()
    assert (cdr.total_energy_wh, cdr.meter_start_wh, cdr.meter_stop_wh) == (9960, 5000, 14_960)
    assert (cdr.stop_reason, cdr.token_uid) == ("EVDisconnected", "GOOD")


def test_the_card_may_come_before_the_vehicle(bay: Bay) -> None:
    bay.card()
    assert not bay.site.transactions
    bay.after(2)
    bay.vehicle()
    assert len(bay.site.transactions) == 1


def test_a_card_does_not_wait_for_ever(bay: Bay) -> None:
    bay.card()
    bay.after(4)
    bay.vehicle()
    assert not bay.site.transactions


@pytest.mark.parametrize("uid", ["BLOCKED", "OLD", "NOBODY"])
def test_a_token_that_may_not_charge_begins_nothing(bay: Bay, uid: str) -> None:
    bay.vehicle()
    bay.card(uid)
    bay.after(1)
    bay.vehicle(ChargingState.EV_CONNECTED)
    assert not bay.site.transactions
    assert bay.limits == [0]


def test_nothing_flows_without_a_transaction(bay: Bay) -> None:
    assert bay.limits == [0]
    bay.vehicle()
    bay.card()
    assert bay.limits == [0, 22_000]
    bay.charge(1 * KWH)
    bay.unplug()
    assert bay.limits == [0, 22_000, 0]


def test_the_end_waits_for_what_the_meter_says_then(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.after(1 / 60)
    bay.status("A", 1, ConnectorStatus.AVAILABLE, at=bay.now)
    assert not bay.bills()
    bay.after(20 / 60)
    bay.power_w, bay.register_wh = 0, 11_007
    bay.read()
    assert bay.bill().meter_stop_wh == 11_007


def test_a_meter_that_says_nothing_more_is_not_waited_for_long(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.after(1 / 60)
    bay.status("A", 1, ConnectorStatus.AVAILABLE, at=bay.now)
    bay.after(ENDS_WITHIN.total_seconds() / 60)
    bay.tell(Ticked())
    cdr = bay.bill()
    assert cdr.meter_stop_wh == 11_000
    assert cdr.end_date_time == bay.now - ENDS_WITHIN


def test_the_same_card_again_stops(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.card()
    assert bay.limits[-1] == 0
    assert bay.site.transactions
    bay.idle()
    assert bay.bill().stop_reason == "Local"
    bay.after(10)
    bay.vehicle()
    assert not bay.site.transactions


def test_another_card_stops_nothing_and_one_of_the_group_does(bay: Bay) -> None:
    bay.vehicle()
    bay.card("FLEET1")
    bay.charge(6 * KWH)
    bay.card("OTHER")
    bay.idle()
    assert bay.site.transactions
    bay.card("FLEET2")
    bay.idle()
    assert bay.bill().token_uid == "FLEET1"


def test_a_fault_ends_it(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.power_w = 0
    bay.after(1 / 60)
    bay.status("A", 1, ConnectorStatus.FAULTED, error_code="17", at=bay.now)
    bay.after(1 / 60)
    bay.read()
    assert bay.bill().stop_reason == "Other"


def test_a_short_silence_ends_nothing_and_what_flowed_meanwhile_is_billed(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.lose()
    bay.after(20)
    bay.tell(Ticked())
    bay.register_wh = 13_000
    bay.find()
    assert bay.limits[-1] == 22_000
    bay.vehicle(ChargingState.CHARGING)
    bay.unplug()
    assert bay.bill().total_energy_wh == 8000


def test_a_long_silence_bills_what_was_read(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    read_at = bay.now
    bay.lose()
    bay.after(31)
    bay.tell(Ticked())
    cdr = bay.bill()
    assert (cdr.total_energy_wh, cdr.stop_reason, cdr.end_date_time) == (6000, LINK_LOST, read_at)


def test_after_a_long_silence_nothing_newer_is_taken_for_the_transactions_own(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.lose()
    bay.after(31)
    bay.register_wh = 20_000
    bay.find()
    bay.vehicle(ChargingState.CHARGING)
    assert bay.bill().total_energy_wh == 6000
    assert bay.limits[-1] == 0


def test_a_vehicle_that_went_in_a_silence_is_billed_once(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.lose()
    bay.after(5)
    bay.register_wh = 11_400
    bay.find()
    bay.no_vehicle()
    bay.after(1 / 60)
    bay.read()
    bay.after(60)
    bay.tell(Ticked())
    assert bay.bill().total_energy_wh == 6400


# --- restart ---


def restarted(bay: Bay) -> Bay:
    """The same site in another process: what the ledger holds, and nothing else."""
    site = Site(rules=bay.site.rules, epoch=bay.site.epoch, last_seq=bay.site.last_seq)
    for station_id in site.rules.stations:
        site.station(station_id)
    for evse in bay.site.rules.location.evses:
        site.add_evse(evse)
    site.tokens = bay.site.tokens
    for transaction in bay.site.transactions.values():
        site.open_transaction(transaction.copied())
    was = bay.site.evses[STATION]
    status = site.evses[STATION]
    status.status, status.charging_state = was.status, was.charging_state
    again = Bay(site=site, now=bay.now)
    again.register_wh, again.entries = bay.register_wh, bay.entries
    return again


def test_the_agent_is_killed_mid_session_and_goes_on(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    again = restarted(bay)
    again.after(2)
    again.find()
    again.card(is_old=True)
    again.vehicle(ChargingState.CHARGING)
    assert again.limits == [22_000]
    again.charge(3 * KWH)
    again.unplug()
    assert again.bill().total_energy_wh == 9000


def test_a_card_that_has_stopped_begins_nothing_when_the_agent_begins_anew(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.card()
    bay.idle()
    again = restarted(bay)
    again.find()
    again.card(is_old=True)
    again.vehicle()
    assert not again.site.transactions


def test_a_card_of_a_vehicle_that_came_while_the_agent_was_away_counts(bay: Bay) -> None:
    again = restarted(bay)
    again.find()
    again.card(is_old=True)
    again.vehicle()
    assert len(again.site.transactions) == 1


# --- how energy is counted ---


def test_a_total_that_rolls_over_is_counted_on() -> None:
    bay = Bay(register_wh=2**32 - 3000, rolls_over_at_wh=2**32)
    bay.find()
    bay.vehicle()
    bay.card()
    bay.charge(2400)
    assert bay.register_wh is not None
    bay.register_wh -= 2**32
    bay.register_wh %= 2**32
    bay.charge(6000)
    bay.register_wh %= 2**32
    bay.unplug()
    cdr = bay.bill()
    assert cdr.total_energy_wh == 8400


def test_a_total_that_falls_where_it_cannot_roll_over_is_for_a_person() -> None:
    bay = Bay(register_wh=500_000, rolls_over_at_wh=2**32)
    bay.find()
    bay.vehicle()
    bay.card()
    bay.charge(6000)
    bay.register_wh = 100
    bay.charge(6000)
    bay.unplug()
    (cdr,) = bay.bills()
    assert cdr.total_energy_wh == 12_000
    assert len(cdr.quarantine) == 1


def test_a_session_register_that_begins_anew_is_counted_on() -> None:
    bay = Bay(energy=EnergySource.SESSION, register_wh=31_000)
    bay.find()
    bay.vehicle()
    bay.card()
    bay.register_wh = 0  # this model starts it with the charging
    bay.charge(6000)
    bay.register_wh = 0  # and anew after a power cut
    bay.charge(3000)
    bay.register_wh = 0  # and when the vehicle goes
    bay.unplug()
    cdr = bay.bill()
    assert cdr.total_energy_wh == 9000


def test_a_bad_reading_of_a_session_register_is_for_a_person() -> None:
    bay = Bay(energy=EnergySource.SESSION, register_wh=0)
    bay.find()
    bay.vehicle()
    bay.card()
    bay.charge(12_000)
    bay.register_wh = 7000
    bay.read()
    bay.unplug()
    (cdr,) = bay.bills()
    assert len(cdr.quarantine) == 1


def test_without_a_register_the_power_is_added_up_and_the_bill_kept_back() -> None:
    bay = Bay(energy=EnergySource.POWER, register_wh=None)
    bay.find()
    bay.vehicle()
    bay.card()
    bay.charge(6000)
    bay.unplug()
    (cdr,) = bay.bills()
    assert 5900 <= cdr.total_energy_wh <= 6000
    assert cdr.quarantine == ("the energy was estimated and the tariff prices it: some_charger does not measure it",)


@pytest.mark.parametrize("is_allowed", [True, False])
def test_an_estimate_is_billed_where_the_tariff_says_so_or_does_not_price_energy(is_allowed: bool) -> None:
    rules = new_site().rules
    if is_allowed:
        rules = replace(rules, estimating_tariffs=frozenset({"standard"}))
    else:
        rules = replace(rules, tariffs={"standard": tariff(component("FLAT", "2.00"))})
    site = new_site()
    site.rules = rules
    bay = Bay(site=site, energy=EnergySource.POWER, register_wh=None)
    bay.find()
    bay.vehicle()
    bay.card()
    bay.charge(6000)
    bay.unplug()
    assert 5900 <= bay.bill().total_energy_wh <= 6000


# --- commands ---


def test_a_start_from_afar_begins_with_the_vehicle_that_is_there(bay: Bay) -> None:
    bay.vehicle()
    bay.order(RemoteStart(station_id="A", evse_id=1, token_uid="GOOD"))
    finished = bay.outcome("c1")
    assert finished is not None
    assert finished.outcome is Outcome.ACCEPTED
    (transaction,) = bay.site.transactions
    assert finished.result == {"transaction_id": transaction}


def test_a_start_from_afar_waits_for_a_vehicle(bay: Bay) -> None:
    bay.order(RemoteStart(station_id="A", evse_id=1, token_uid="GOOD"))
    finished = bay.outcome("c1")
    assert finished is not None
    assert (finished.outcome, finished.detail) == (
        Outcome.ACCEPTED,
        "it begins when a vehicle is there within 180 s",
    )
    bay.after(1)
    bay.vehicle()
    assert len(bay.site.transactions) == 1


def test_a_start_for_a_token_that_may_not_is_refused(bay: Bay) -> None:
    bay.vehicle()
    decision = bay.order(RemoteStart(station_id="A", evse_id=1, token_uid="BLOCKED"))
    assert isinstance(decision.reply, Refused)
    assert not bay.site.transactions


def test_a_stop_from_afar_is_done_when_the_bill_is_made(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    (transaction_id,) = bay.site.transactions
    decision = bay.order(RemoteStop(transaction_id=transaction_id))
    assert isinstance(decision.reply, Done)
    assert bay.outcome("c1") is None
    bay.after(1 / 60)
    bay.register_wh = 11_003
    bay.read()  # it still charges
    assert not bay.bills()
    bay.idle()
    cdr = bay.bill()
    assert (cdr.total_energy_wh, cdr.stop_reason) == (6003, "Remote")
    finished = bay.outcome("c1")
    assert finished is not None
    assert finished.outcome is Outcome.ACCEPTED
    assert finished.result == {"transaction_id": transaction_id, "energy_wh": 6003}


def test_what_only_ocpp_has_is_refused_with_a_text_that_says_so(bay: Bay) -> None:
    decision = bay.order(Operate(station_id="A", operation=Reset()))
    assert isinstance(decision.reply, Refused)
    assert decision.reply.reason == "A is a Modbus charger: reset is for OCPP stations"
    finished = bay.outcome("c1")
    assert finished is not None
    assert finished.outcome is Outcome.REJECTED


def test_a_charging_profile_is_kept_by_the_site_and_steers_the_charger_as_time_goes() -> None:
    site = new_site()
    bay = Bay(site=site)
    steered: list[Any] = []

    def tell(event: Any) -> Decision:
        decision = Play.tell(bay, event)
        steered.extend(
            command.operation.profile.schedules[0].periods[0].limit
            for command in decision.commands
            if isinstance(command.operation, SetChargingProfile) and command.operation.evse_id == 1
        )
        return decision

    bay.tell = tell  # type: ignore[method-assign]
    bay.find()
    bay.vehicle()
    bay.card()
    periods = (SchedulePeriod(start_s=0, limit=11_000.0), SchedulePeriod(start_s=600, limit=0.0))
    schedule = ChargingSchedule(rate_unit="W", periods=periods, duration_s=1200)
    profile = ChargingProfile(purpose="TxProfile", schedules=(schedule,))
    bay.order(Operate(station_id="A", operation=SetChargingProfile(evse_id=1, profile=profile)))
    assert steered == [0, 22_000, 11_000]
    bay.after(11)
    bay.tell(Ticked())
    assert steered[-1] == 0
    bay.after(10)
    bay.tell(Ticked())
    assert steered[-1] == 22_000


def test_a_charger_that_does_not_do_as_it_is_told_is_an_alarm_until_it_does(bay: Bay) -> None:
    def steered(setpoint: str, *, is_followed: bool) -> None:
        bay.tell(
            SteeringReported(
                station_id="A", evse_id=1, setpoint=setpoint, is_followed=is_followed, detail="it shows 16000"
            )
        )

    steered("set_current", is_followed=False)
    (alarm,) = bay.site.alarms.values()
    assert (alarm.station_id, alarm.evse_id) == ("A", 1)
    assert alarm.text == "A*1 is not set to what the site wants (set_current): it shows 16000"
    steered("enable", is_followed=True)
    assert bay.site.alarms
    steered("set_current", is_followed=True)
    assert not bay.site.alarms


def test_what_a_charger_takes_for_itself_does_not_hold_up_the_end(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.card()
    bay.power_w = 8
    bay.after(1 / 60)
    bay.vehicle(ChargingState.SUSPENDED_EVSE)
    bay.after(1 / 60)
    bay.read()
    assert bay.bill().stop_reason == "Local"


def test_the_same_events_give_the_same_entries(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.unplug()
    again = Bay()
    for event, now in bay.recorded[1:]:
        again.now = now
        again.tell(event)
    assert again.entries == bay.entries


def test_an_ocpp_station_beside_it_is_not_touched(bay: Bay) -> None:
    bay.connect("B")
    bay.began201()
    assert "B" not in bay.site.runs
    assert bay.site.rules.stations["B"] == StationRules(station_id="B")
    assert bay.now == START
