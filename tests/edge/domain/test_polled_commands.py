"""What chargers that know no transactions are told to do: begin, stop, keep to a limit."""

from __future__ import annotations

from typing import Any

import pytest

from edge.domain.decision import Decision
from edge.domain.events import Done, Refused, Ticked
from protocols.charger.events import (
    SteeringReported,
)
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.charger.operations.variables import Reset
from protocols.sync.down import Operate, RemoteStart, RemoteStop
from protocols.sync.up import Outcome
from tests.edge.domain.bay import KWH, Bay
from tests.edge.domain.site_kit import Play, new_site


@pytest.fixture
def bay() -> Bay:
    bay = Bay()
    bay.find()
    bay.no_vehicle()
    return bay


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
