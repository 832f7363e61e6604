"""The hands of the operator on chargers that know no transactions: the site does it in their place, or says no."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any, get_args

import pytest

from edge.domain.events import Done, Refused, Ticked
from edge.domain.view import evse_state, evse_view
from protocols.charger.abilities import Abilities, Polled
from protocols.charger.commands import Operation
from protocols.charger.events import CommandAnswered, StationConnected
from protocols.charger.operations.availability import CancelReservation, ChangeAvailability, ReserveNow
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetCompositeSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import (
    GetTransactionStatus,
    StartTransaction,
    StopTransaction,
    UnlockConnector,
)
from protocols.sync.down import Operate, RemoteStart
from protocols.sync.up import IdTokenRefused, Outcome
from protocols.sync.upkeep import AvailabilityChanged, ReservationEnd, ReservationEnded, ReservationMade
from protocols.terms import ConnectorStatus, EvseState
from tests.edge.domain.bay import KWH, STATION, Bay, restarted
from tests.edge.domain.site_kit import component, new_site, reserving


@pytest.fixture
def bay() -> Bay:
    bay = Bay()
    bay.find()
    bay.no_vehicle()
    bay.status("A", 2, ConnectorStatus.AVAILABLE, at=bay.now)
    return bay


def reserve(bay: Bay, token_uid: str = "GOOD", minutes: int = 30, evse_id: int | None = 1) -> int:
    """The reservation's number."""
    wish = ReserveNow(token_uid=token_uid, expires_at=bay.now + timedelta(minutes=minutes), evse_id=evse_id)
    decision = bay.order(Operate(station_id="A", operation=wish))
    assert isinstance(decision.reply, Done), decision.reply
    assert not decision.commands
    return bay.found(ReservationMade)[-1].reservation_id


def change(bay: Bay, status: Any, evse_id: int | None = 1) -> str:
    """What came of it."""
    bay.order(Operate(station_id="A", operation=ChangeAvailability(operational_status=status, evse_id=evse_id)))
    told = bay.outcome(f"c{bay.commands}")
    assert told is not None
    return told.detail if told.detail else str(told.outcome)


def state(bay: Bay) -> EvseState:
    return evse_state(bay.site, bay.site.evses[STATION])


# --- reservations ---


def test_a_reservation_is_kept_by_the_site_and_shown_on_the_wall(bay: Bay) -> None:
    assert state(bay) is EvseState.FREE
    reserve(bay)
    assert state(bay) is EvseState.RESERVED
    assert evse_view(bay.site, bay.site.evses[STATION], bay.now).reserved_until == bay.now + timedelta(minutes=30)


def test_another_card_may_not_begin_where_somebody_has_reserved(bay: Bay) -> None:
    reserve(bay)
    bay.vehicle()
    bay.card("OTHER")
    assert not bay.site.transactions
    (refused,) = bay.found(IdTokenRefused)
    assert (refused.token_uid, refused.status) == ("OTHER", "NotAtThisTime")
    refused_start = bay.order(RemoteStart(station_id="A", evse_id=1, token_uid="OTHER")).reply
    assert isinstance(refused_start, Refused)
    assert "reserved for somebody else" in refused_start.reason
    bay.card("GOOD")
    (transaction,) = bay.site.transactions.values()
    assert transaction.token_uid == "GOOD"


def test_the_drivers_start_uses_the_reservation_and_its_tariff() -> None:
    kinds = {"RESERVATION": [component("TIME", "6.00")], "RESERVATION_EXPIRES": [component("FLAT", "2.00")]}
    price = reserving(kinds, component("ENERGY", "0.50"))
    site = new_site()
    site.rules.tariffs["standard"] = price
    bay = Bay(site=site)
    bay.find()
    bay.no_vehicle()
    number = reserve(bay)
    bay.after(10)
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.unplug()
    (ended,) = bay.found(ReservationEnded)
    assert (ended.reservation_id, ended.reason) == (number, ReservationEnd.USED)
    cdr = bay.bill()
    assert [str(line.cost.excl_vat) for line in cdr.lines] == ["1.00", "3.00"]


def test_one_that_nobody_used_expires_and_is_priced() -> None:
    kinds = {"RESERVATION_EXPIRES": [component("FLAT", "2.00")]}
    site = new_site()
    site.rules.tariffs["standard"] = reserving(kinds, component("ENERGY", "0.50"))
    bay = Bay(site=site)
    bay.find()
    bay.no_vehicle()
    reserve(bay)
    bay.after(30)
    bay.tell(Ticked())
    assert state(bay) is EvseState.FREE
    bay.after(3)
    bay.tell(Ticked())
    (ended,) = bay.found(ReservationEnded)
    assert ended.reason is ReservationEnd.EXPIRED
    (cdr,) = bay.bills()
    assert str(cdr.total_cost.excl_vat) == "2.00"


def test_a_reservation_is_cancelled_also_while_the_charger_is_away(bay: Bay) -> None:
    number = reserve(bay)
    bay.lose()
    reply = bay.order(Operate(station_id="A", operation=CancelReservation(reservation_id=number))).reply
    assert isinstance(reply, Done)
    (ended,) = bay.found(ReservationEnded)
    assert ended.reason is ReservationEnd.CANCELLED
    again = bay.order(Operate(station_id="A", operation=CancelReservation(reservation_id=number))).reply
    assert again == Refused(reason=f"there is no reservation {number}")


def test_what_is_reserved_already_or_taken_is_not_reserved(bay: Bay) -> None:
    reserve(bay)
    wish = ReserveNow(token_uid="OTHER", expires_at=bay.now + timedelta(minutes=5), evse_id=1)
    assert isinstance(bay.order(Operate(station_id="A", operation=wish)).reply, Refused)


def test_a_reservation_outlives_the_charger_being_found_anew(bay: Bay) -> None:
    reserve(bay)
    bay.lose()
    bay.find()
    bay.no_vehicle()
    bay.after(2)
    bay.tell(Ticked())
    assert state(bay) is EvseState.RESERVED


# --- availability ---


def test_out_of_service_at_once_where_nothing_runs(bay: Bay) -> None:
    assert change(bay, "Inoperative") == Outcome.ACCEPTED
    assert state(bay) is EvseState.UNAVAILABLE
    bay.vehicle()
    bay.card()
    assert not bay.site.transactions
    assert bay.found(IdTokenRefused)[-1].status == "NotAtThisTime"
    start = bay.order(RemoteStart(station_id="A", evse_id=1, token_uid="GOOD")).reply
    assert start == Refused(reason="EVSE A*1 is out of service")
    assert change(bay, "Operative") == Outcome.ACCEPTED
    bay.card()
    assert len(bay.site.transactions) == 1


def test_out_of_service_when_the_transaction_ends(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    assert change(bay, "Inoperative") == "Scheduled"
    assert evse_view(bay.site, bay.site.evses[STATION], bay.now).is_leaving_service
    bay.charge(6 * KWH)
    assert state(bay) is EvseState.CHARGING
    bay.unplug()
    assert bay.bill().total_energy_wh > 0
    bay.tell(Ticked())
    assert state(bay) is EvseState.UNAVAILABLE
    assert [told.is_scheduled for told in bay.found(AvailabilityChanged)] == [True, False]


def test_the_card_that_charges_stops_also_where_the_service_ends(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    change(bay, "Inoperative")
    bay.card()
    bay.idle()
    assert bay.bill().stop_reason == "Local"


def test_a_whole_station_out_of_service_waits_for_the_last_transaction(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    assert change(bay, "Inoperative", None) == "Scheduled"
    bay.tell(Ticked())
    assert bay.found(AvailabilityChanged)[-1].is_scheduled
    bay.unplug()
    bay.tell(Ticked())
    assert not bay.found(AvailabilityChanged)[-1].is_scheduled
    change(bay, "Operative", None)
    assert not bay.site.out_of_service


def test_a_charger_that_is_away_is_taken_out_of_service_all_the_same(bay: Bay) -> None:
    bay.lose()
    assert change(bay, "Inoperative") == Outcome.ACCEPTED
    bay.find()
    bay.no_vehicle()
    assert state(bay) is EvseState.UNAVAILABLE


def test_an_evse_that_does_not_exist_is_not_changed(bay: Bay) -> None:
    assert change(bay, "Inoperative", 7) == "EVSE A*7 does not exist"


# --- transactions and limits ---


def a_limit(limit_w: float, purpose: Any = "TxProfile", schedules: int = 1) -> ChargingProfile:
    schedule = ChargingSchedule(rate_unit="W", periods=(SchedulePeriod(start_s=0, limit=limit_w),))
    return ChargingProfile(purpose=purpose, schedules=(schedule,) * schedules)


def test_a_start_with_a_profile_begins_limited(bay: Bay) -> None:
    bay.vehicle()
    start = StartTransaction(evse_id=1, token_uid="GOOD", profile=a_limit(7_000))
    assert isinstance(bay.order(Operate(station_id="A", operation=start)).reply, Done)
    assert bay.limits[-1] == 7_000


def test_a_start_with_a_profile_that_waits_for_its_vehicle_begins_limited(bay: Bay) -> None:
    start = StartTransaction(evse_id=1, token_uid="GOOD", profile=a_limit(7_000))
    bay.order(Operate(station_id="A", operation=start))
    bay.after(1)
    bay.vehicle()
    bay.tell(Ticked())
    bay.tell(Ticked())
    assert bay.site.transactions
    assert bay.limits[-1] == 7_000


def test_a_pause_is_a_limit_of_nothing_and_is_taken_back(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.order(Operate(station_id="A", operation=SetChargingProfile(evse_id=1, profile=a_limit(0))))
    assert bay.limits[-1] == 0
    assert bay.site.transactions
    bay.order(Operate(station_id="A", operation=ClearChargingProfile(evse_id=1)))
    assert bay.limits[-1] == 22_000


def test_a_default_and_a_stations_limit_hold_for_whoever_comes(bay: Bay) -> None:
    default = SetChargingProfile(evse_id=0, profile=a_limit(9_000, "TxDefaultProfile"))
    bay.order(Operate(station_id="A", operation=default))
    bay.vehicle()
    bay.card()
    assert bay.limits[-1] == 9_000
    most = SetChargingProfile(evse_id=0, profile=a_limit(5_000, "ChargingStationMaxProfile"))
    bay.order(Operate(station_id="A", operation=most))
    assert bay.limits[-1] == 5_000


def test_several_schedules_are_for_vehicles_that_can_choose(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    two = SetChargingProfile(evse_id=1, profile=a_limit(5_000, schedules=2))
    reply = bay.order(Operate(station_id="A", operation=two)).reply
    assert isinstance(reply, Refused)
    assert "several schedules" in reply.reason


def test_the_composite_schedule_is_what_the_site_lets_flow(bay: Bay) -> None:
    default = SetChargingProfile(evse_id=1, profile=a_limit(9_000, "TxDefaultProfile"))
    bay.order(Operate(station_id="A", operation=default))
    bay.order(Operate(station_id="A", operation=GetCompositeSchedule(evse_id=1, duration_s=600)))
    told = bay.outcome("c2")
    assert told is not None
    assert told.result == {
        "schedule": {
            "rate_unit": "W",
            "periods": [{"start_s": 0, "limit": 9000.0}],
            "start_at": bay.now.isoformat(),
            "duration_s": 600,
        }
    }


def test_what_becomes_of_a_transaction_is_known_here(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    (transaction,) = bay.site.transactions.values()
    charger_id = transaction.charger_transaction_id
    bay.order(Operate(station_id="A", operation=GetTransactionStatus(charger_transaction_id=charger_id)))
    bay.order(Operate(station_id="A", operation=StopTransaction(charger_transaction_id=charger_id)))
    bay.idle()
    bay.order(Operate(station_id="A", operation=GetTransactionStatus(charger_transaction_id=charger_id)))
    told = [bay.outcome("c1"), bay.outcome("c3")]
    assert [each and each.result for each in told] == [
        {"is_ongoing": True, "has_messages_queued": False},
        {"is_ongoing": False, "has_messages_queued": False},
    ]


# --- the lock, and all else ---


def test_a_lock_is_opened_where_there_is_one_and_nothing_runs() -> None:
    bay = Bay()
    abilities = Abilities(ocpp_version=None, polled=Polled(profile_id="with_lock", has_lock=True))
    bay.tell(StationConnected(station_id="A", abilities=abilities))
    decision = bay.order(Operate(station_id="A", operation=UnlockConnector(evse_id=1)))
    (command,) = decision.commands
    assert command.operation == UnlockConnector(evse_id=1)
    assert bay.outcome("c1") is None
    bay.tell(CommandAnswered(station_id="A", command_id=command.command_id, is_accepted=True))
    told = bay.outcome("c1")
    assert told is not None
    assert told.outcome is Outcome.ACCEPTED
    bay.vehicle()
    bay.card()
    reply = bay.order(Operate(station_id="A", operation=UnlockConnector(evse_id=1))).reply
    assert reply == Refused(reason="EVSE A*1 has a running transaction: stop it first")


def test_a_lock_that_no_register_opens_is_refused(bay: Bay) -> None:
    reply = bay.order(Operate(station_id="A", operation=UnlockConnector(evse_id=1))).reply
    assert reply == Refused(reason="A (some_charger) has no register for its lock that is known to open it")


DONE = {
    "start_transaction",
    "stop_transaction",
    "get_transaction_status",
    "unlock_connector",
    "change_availability",
    "reserve_now",
    "cancel_reservation",
    "set_charging_profile",
    "clear_charging_profile",
    "get_composite_schedule",
}


def name_of(kind: type[Any]) -> str:
    return str(next(each.default for each in fields(kind) if each.name == "operation"))


@pytest.mark.parametrize("kind", [kind for kind in get_args(Operation) if name_of(kind) not in DONE], ids=name_of)
def test_what_is_for_ocpp_alone_is_refused_in_its_name(bay: Bay, kind: type[Any]) -> None:
    needed: dict[str, Any] = {each.name: None for each in fields(kind) if each.name != "operation"}
    operation = object.__new__(kind)
    for name, value in {**needed, "operation": name_of(kind)}.items():
        object.__setattr__(operation, name, value)
    if hasattr(operation, "names"):
        object.__setattr__(operation, "names", ())
    reply = bay.order(Operate(station_id="A", operation=operation)).reply
    assert reply == Refused(reason=f"A is a Modbus charger: {name_of(kind)} is for OCPP stations")


def test_the_operators_word_outlives_the_agent(bay: Bay) -> None:
    change(bay, "Inoperative")
    again = restarted(bay)
    again.site.out_of_service = dict(bay.site.out_of_service)
    again.find()
    again.no_vehicle()
    again.after(2)
    again.tell(Ticked())
    assert state(again) is EvseState.UNAVAILABLE
