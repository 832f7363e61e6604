"""Transactions of chargers that know none: begun, steered and ended by the site.

One begins when a vehicle is there and a token was accepted, and ends when the vehicle goes, somebody stops it, the EVSE
fails or the station was silent for too long. Its beginning and its end go the way of an OCPP station's messages: there
is one way to bill, to keep and to recover. The energy is what the register says: of one that may fall (a session that
counts anew, a total that rolls over) the count goes on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from edge.domain import operations, sessions
from edge.domain.asking import OWN
from edge.domain.billing import end_transaction
from edge.domain.decision import Decision
from edge.domain.events import Refused
from edge.domain.meter_book import behind
from edge.domain.metering import register_of
from edge.domain.run_book import Awaited, Ending, EvseRun
from edge.domain.site import Site
from edge.domain.smart_charging import limit_now
from edge.domain.station import EvseStatus, Station
from edge.domain.transaction import ROUNDING_WH, Doubt, Transaction
from protocols.charger.abilities import EnergySource, Polled
from protocols.charger.commands import ChargerCommand
from protocols.charger.events import (
    CommandAnswered,
    MeterValuesReported,
    Sample,
    TransactionBegan,
    TransactionFinished,
)
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import StartTransaction
from protocols.terms import ChargingState, ConnectorStatus, EvseRef, Measurand

AWAITED_FOR: Final = timedelta(minutes=3)
"""A token waits for its vehicle so long."""
ENDS_WITHIN: Final = timedelta(seconds=45)
"""The last reading is waited for so long: some chargers are asked for their meter every 30 s."""
STILL_W: Final = 100
"""Less is what a charger or a vehicle takes for itself."""
LINK_LOST: Final = "LinkLost"
UNPLUGGED: Final = "EVDisconnected"
STOPPED_BY_CARD: Final = "Local"
FAILED: Final = "Other"
"""OCPP 2.0.1 ReasonEnumType, but for the first, for which it has no word."""
STEER_ID: Final = f"{OWN}steer"
_FALL_GRACE_S: Final = 20
_BY_REGISTER: Final = (EnergySource.TOTAL, EnergySource.SESSION)


# --- beginning ---


def await_vehicle(site: Site, decision: Decision, ref: EvseRef, token_uid: str, now: datetime) -> None:
    """A token that may charge here: with a vehicle at once, otherwise when one comes within a while."""
    run = site.runs.of(*ref)
    if run is not None:
        run.awaited = Awaited(token_uid=token_uid, until=now + AWAITED_FOR)
        begin_if_all_is_there(site, decision, ref, now)


def begin_if_all_is_there(site: Site, decision: Decision, ref: EvseRef, now: datetime) -> None:
    run, status, station = site.runs.of(*ref), site.evses.get(ref), site.stations[ref.station_id]
    if run is None or run.awaited is None or status is None:
        return
    if run.awaited.until <= now:
        run.awaited = None
        return
    is_there = status.status is ConnectorStatus.OCCUPIED and station.is_online and ref not in site.unsettled
    if not is_there or status.transaction_id is not None:
        return
    token_uid, run.awaited = run.awaited.token_uid, None
    wish = StartTransaction(evse_id=ref.evse_id, token_uid=token_uid)
    if not isinstance(operations.prepare(site, decision, station, wish, now), Refused):
        _begin(site, decision, station, status, run, token_uid, now)


def _begin(
    site: Site, decision: Decision, station: Station, status: EvseStatus, run: EvseRun, token_uid: str, now: datetime
) -> None:
    ref, polled = status.ref, _polled(site, status.ref)
    register_wh = run.register_wh if polled.energy in _BY_REGISTER else 0
    samples: tuple[Sample, ...] = ()
    if register_wh is not None:
        samples = (Sample(measurand=Measurand.ENERGY_REGISTER, value=register_wh, at=now),)
    began = TransactionBegan(
        station_id=ref.station_id,
        evse_id=ref.evse_id,
        connector_id=status.connector_id,
        charger_transaction_id=f"{ref.evse_id}-{now:%Y%m%dT%H%M%S%f}",
        token_uid=token_uid,
        meter_start_wh=register_wh,
        at=now,
        charging_state=status.charging_state or ChargingState.EV_CONNECTED,
        samples=samples,
    )
    reply = decision.reply
    sessions.begin(site, decision, began, now)
    decision.reply = reply
    transaction = site.at_evse(ref)
    if transaction is not None and polled.is_estimated:
        transaction.doubt(Doubt.ESTIMATED, f"{polled.profile_id} does not measure it")
    steer(site, decision, ref, now)


# --- reading ---


def foresee(site: Site, event: MeterValuesReported, now: datetime) -> None:
    """The register is lower than before, where that can be: the transaction goes on counting from there.

    All other falls are for the transaction itself to judge.
    """
    transaction = site.at_evse(EvseRef(event.station_id, event.evse_id))
    register_wh = register_of(event.samples)
    if transaction is None or register_wh is None:
        return
    before_wh = transaction.last_wh if transaction.last_wh is not None else transaction.meter_start_wh
    if before_wh is None:
        return
    shown_wh = before_wh - transaction.offset_wh
    if register_wh >= shown_wh - ROUNDING_WH:
        return
    polled = _polled(site, transaction.ref)
    passed_s = (now - transaction.last_heard_at).total_seconds() + _FALL_GRACE_S
    most_wh = int(transaction.rating_w * max(0.0, passed_s) * 1.2 / 3600)
    if polled.energy is EnergySource.SESSION and register_wh <= most_wh:
        transaction.offset_wh = before_wh
    elif polled.energy is EnergySource.TOTAL and polled.rolls_over_at_wh is not None:
        gained_wh = register_wh + polled.rolls_over_at_wh - shown_wh
        if 0 <= gained_wh <= most_wh:
            transaction.offset_wh += polled.rolls_over_at_wh


def note_readings(site: Site, event: MeterValuesReported, now: datetime) -> None:
    """After the transaction has taken them: what the register shows, and what stands in for one that is not there."""
    ref = EvseRef(event.station_id, event.evse_id)
    run, transaction = site.runs.of(*ref), site.at_evse(ref)
    if run is None:
        return
    for sample in event.samples:
        if sample.measurand is Measurand.ENERGY_REGISTER and sample.phase is None:
            run.register_wh, run.register_at = sample.value, sample.at or now
    if transaction is not None and _polled(site, ref).energy not in _BY_REGISTER:
        transaction.read(transaction.measured_wh, now, is_stamped=False)
        run.register_at = now


# --- ending ---


def end_soon(
    site: Site, decision: Decision, ref: EvseRef, reason: str, now: datetime, command_id: str | None = None
) -> list[CommandAnswered]:
    """It is over, and ends with the next reading of its meter once nothing flows any more. Returns the commands that
    this has answered."""
    run = site.runs.of(*ref)
    if run is None or site.at_evse(ref) is None:
        return []
    ids = () if command_id is None else (command_id,)
    if run.ending is None:
        run.ending = Ending(reason=reason, at=now, command_ids=ids)
    else:
        run.ending = replace(run.ending, command_ids=run.ending.command_ids + ids)
    steer(site, decision, ref, now)
    return end_if_settled(site, decision, ref, now)


def end_if_settled(site: Site, decision: Decision, ref: EvseRef, now: datetime) -> list[CommandAnswered]:
    run, status = site.runs.of(*ref), site.evses.get(ref)
    if run is None or run.ending is None or status is None:
        return []
    station = site.stations[ref.station_id]
    is_read = run.register_at is not None and run.register_at > run.ending.at
    is_still = status.charging_state is not ChargingState.CHARGING and (status.power_w or 0) < STILL_W
    is_due = now - run.ending.at >= ENDS_WITHIN or not station.is_online
    return _end(site, decision, ref, run, run.ending, now) if (is_read and is_still) or is_due else []


def _end(
    site: Site, decision: Decision, ref: EvseRef, run: EvseRun, ending: Ending, now: datetime
) -> list[CommandAnswered]:
    transaction = site.at_evse(ref)
    run.ending = None
    if transaction is None:
        return []
    if _polled(site, ref) is _BY_METER and ending.at - transaction.last_heard_at > ENDS_WITHIN:
        text = f"the meter behind it was last read at {transaction.last_heard_at.isoformat()}"
        transaction.doubt(Doubt.METER_MISSING, text)
    reply = decision.reply
    finished = TransactionFinished(
        station_id=ref.station_id,
        charger_transaction_id=transaction.charger_transaction_id,
        token_uid=None,
        meter_stop_wh=None,  # the register was read like any other: what it counts since it fell is reckoned already
        at=max(ending.at, transaction.started_at),
        reason=ending.reason,
    )
    sessions.finish(site, decision, finished, now)
    decision.reply = reply
    steer(site, decision, ref, now)
    begin_if_all_is_there(site, decision, ref, now)
    return [
        CommandAnswered(
            station_id=ref.station_id,
            command_id=command_id,
            is_accepted=True,
            result={"transaction_id": transaction.transaction_id, "energy_wh": transaction.energy_wh},
        )
        for command_id in ending.command_ids
    ]


def end_if_lost(
    site: Site, decision: Decision, transaction: Transaction, end_after: timedelta, now: datetime
) -> list[CommandAnswered]:
    """Nothing was read of it for too long: it is billed as far as it was, for whoever charges there now."""
    if now - transaction.last_heard_at <= end_after:
        return []
    run = site.runs.of(*transaction.ref)
    ending = run.ending if run is not None else None
    if run is not None and ending is not None:
        return _end(site, decision, transaction.ref, run, ending, now)
    ended_at = transaction.last_heard_at
    end_transaction(site, decision, transaction, now, meter_stop_wh=None, ended_at=ended_at, reason=LINK_LOST)
    return []


def end_replaced(site: Site, decision: Decision, ref: EvseRef, now: datetime) -> list[CommandAnswered]:
    """Another vehicle is there: billed as far as it was read before, for what has flowed since may be the other's. The
    register as it was says nothing of the session that begins."""
    run, transaction = site.runs.of(*ref), site.at_evse(ref)
    if run is None:
        return []
    run.register_wh = run.register_at = None
    if transaction is None:
        return []
    if run.ending is not None:
        return _end(site, decision, ref, run, run.ending, now)
    ended_at = transaction.last_heard_at
    end_transaction(site, decision, transaction, now, meter_stop_wh=None, ended_at=ended_at, reason=UNPLUGGED)
    steer(site, decision, ref, now)
    return []


# --- steering ---


def steer(site: Site, decision: Decision, ref: EvseRef, now: datetime) -> None:
    """Tell the charger what the EVSE may give from now on, in W, where that is something new: nothing without a
    transaction."""
    run, status = site.runs.of(*ref), site.evses.get(ref)
    if run is None or status is None or not site.stations[ref.station_id].is_online:
        return
    may_charge = status.transaction_id is not None and run.ending is None
    limit_w = limit_now(site, ref, now) if may_charge else 0
    wanted_w = status.evse.max_power_w if limit_w is None else min(limit_w, status.evse.max_power_w)
    if wanted_w == run.steered_w:
        return
    run.steered_w = wanted_w
    schedule = ChargingSchedule(rate_unit="W", periods=(SchedulePeriod(start_s=0, limit=float(wanted_w)),))
    limit = ChargingProfile(purpose="TxDefaultProfile", schedules=(schedule,), profile_id=0)
    operation = SetChargingProfile(evse_id=ref.evse_id, profile=limit)
    decision.commands.append(ChargerCommand(command_id=STEER_ID, station_id=ref.station_id, operation=operation))


def steer_all(site: Site, decision: Decision, station_id: str, now: datetime) -> None:
    for ref in site.refs_of(station_id):
        steer(site, decision, ref, now)


# --- words for the above ---


def _polled(site: Site, ref: EvseRef) -> Polled:
    """How its energy is counted: where it has no register, by the one of the meter behind it."""
    abilities = site.stations[ref.station_id].abilities
    polled = abilities.polled if abilities and abilities.polled else _UNKNOWN
    if polled.energy in _BY_REGISTER or not site.rules.meters:
        return polled
    meter = behind(site.rules.meters, ref)
    return _BY_METER if meter is not None and meter.counts_energy else polled


_UNKNOWN: Final = Polled(profile_id="?")
_BY_METER: Final = Polled(profile_id="meter")
