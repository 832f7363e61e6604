"""What chargers that know no transactions are told to do: the site obeys in their place, as far as it can.

Transactions, limits, reservations and availability of such a charger are the site's own, so they are done here at once,
the last two also while it is away. Only its lock is asked of the charger itself. All else is refused, and said why.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from edge.domain import asking, edge_transactions
from edge.domain.composite import composite
from edge.domain.decision import Decision
from edge.domain.events import Refused
from edge.domain.site import Site
from edge.domain.smart_charging import profiles_of, running_at
from protocols.charger.abilities import Polled
from protocols.charger.commands import Operation, RawCall
from protocols.charger.events import CommandAnswered
from protocols.charger.operations.availability import CancelReservation, ChangeAvailability, ReserveNow
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ClearChargingProfile,
    GetCompositeSchedule,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import (
    GetTransactionStatus,
    StartTransaction,
    StopTransaction,
    UnlockConnector,
)
from protocols.terms import ConnectorStatus, EvseRef

STOPPED_FROM_AFAR: Final = "Remote"
_KEPT_HERE: Final = (ChangeAvailability, CancelReservation)


def needs_no_charger(site: Site, station_id: str, operation: Operation | RawCall) -> bool:
    """Whether it can be done while the charger is away."""
    return station_id in site.runs and isinstance(operation, _KEPT_HERE)


def carry_out(
    site: Site, decision: Decision, command_id: str, station_id: str, operation: Operation | RawCall, now: datetime
) -> CommandAnswered | Refused | None:
    """What an OCPP station would do itself; the operation was checked. None: it will be answered when it is done."""

    def done(detail: str = "", result: dict[str, Any] | None = None) -> CommandAnswered:
        return CommandAnswered(
            station_id=station_id, command_id=command_id, is_accepted=True, detail=detail, result=result
        )

    match operation:
        case StartTransaction():
            return _order_start(site, decision, command_id, EvseRef(station_id, operation.evse_id), operation, now)
        case StopTransaction():
            transaction = site.by_charger_id(station_id, operation.charger_transaction_id)
            if transaction is None:
                return Refused(reason=f"transaction {operation.charger_transaction_id} is not running")
            ended = edge_transactions.end_soon(site, decision, transaction.ref, STOPPED_FROM_AFAR, now, command_id)
            return ended[-1] if ended else None
        case SetChargingProfile():
            return _why_not_so(station_id, operation.profile) or done()
        case ClearChargingProfile() | ReserveNow():
            return done()
        case CancelReservation():
            is_there = operation.reservation_id in site.reservations.of(station_id)
            return done() if is_there else Refused(reason=f"there is no reservation {operation.reservation_id}")
        case ChangeAvailability():
            return _why_not_there(site, station_id, operation) or done(_scheduled(site, station_id, operation))
        case GetTransactionStatus():
            return done(result=_transaction_status(site, station_id, operation))
        case GetCompositeSchedule():
            return _composite(site, command_id, EvseRef(station_id, operation.evse_id), operation, now)
        case UnlockConnector():
            refused = _why_not_unlocked(site, EvseRef(station_id, operation.evse_id))
            if refused is None:
                decision.commands.append(asking.command(site, command_id, station_id, operation))
            return refused
        case _:
            return Refused(reason=f"{station_id} is a Modbus charger: {operation.operation} is for OCPP stations")


# --- transactions ---


def _order_start(
    site: Site, decision: Decision, command_id: str, ref: EvseRef, start: StartTransaction, now: datetime
) -> CommandAnswered | Refused:
    status = site.evses[ref]
    if status.status in (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE):
        return Refused(reason=f"EVSE {ref} is {status.status.lower()}")
    if start.profile is not None and (refused := _why_not_so(ref.station_id, start.profile)) is not None:
        return refused
    edge_transactions.await_vehicle(site, decision, ref, start.token_uid, now)
    begun = site.at_evse(ref)
    awaited_s = edge_transactions.AWAITED_FOR.total_seconds()
    return CommandAnswered(
        station_id=ref.station_id,
        command_id=command_id,
        is_accepted=True,
        detail="" if begun else f"it begins when a vehicle is there within {awaited_s:.0f} s",
        result={"transaction_id": begun.transaction_id} if begun else None,
    )


def _transaction_status(site: Site, station_id: str, operation: GetTransactionStatus) -> dict[str, bool]:
    """Nothing of it waits in a charger that knows no transactions."""
    charger_id = operation.charger_transaction_id
    if charger_id is None:
        is_ongoing = bool(site.open_at(station_id))
    else:
        is_ongoing = site.by_charger_id(station_id, charger_id) is not None
    return {"is_ongoing": is_ongoing, "has_messages_queued": False}


# --- limits ---


def _why_not_so(station_id: str, profile: ChargingProfile) -> Refused | None:
    if len(profile.schedules) > 1:
        return Refused(reason=f"{station_id} is a Modbus charger: no vehicle can choose among several schedules there")
    return None


def _composite(
    site: Site, command_id: str, ref: EvseRef, operation: GetCompositeSchedule, now: datetime
) -> CommandAnswered | Refused:
    """What the site will let flow."""
    if operation.rate_unit == "A":
        return Refused(reason=f"{ref.station_id} is a Modbus charger: the site reckons its limits in W")
    if operation.evse_id != 0 and ref not in site.evses:
        return Refused(reason=f"EVSE {ref} does not exist")
    end = now + timedelta(seconds=operation.duration_s)
    most_w = sum(
        site.evses[each].evse.max_power_w
        for each in site.refs_of(ref.station_id)
        if operation.evse_id in (0, each.evse_id)
    )
    periods = [
        {
            "start_s": max(0, round((step.at - now).total_seconds())),
            "limit": float(most_w if step.limit_w is None else min(step.limit_w, most_w)),
        }
        for step in composite(profiles_of(site, ref), ref.evse_id, running_at(site, ref), now, end)
    ]
    schedule = {
        "rate_unit": "W",
        "periods": periods,
        "start_at": now.isoformat(),
        "duration_s": operation.duration_s,
    }
    return CommandAnswered(
        station_id=ref.station_id, command_id=command_id, is_accepted=True, result={"schedule": schedule}
    )


# --- availability and the lock ---


def _why_not_there(site: Site, station_id: str, change: ChangeAvailability) -> Refused | None:
    if change.evse_id is not None and EvseRef(station_id, change.evse_id) not in site.evses:
        return Refused(reason=f"EVSE {EvseRef(station_id, change.evse_id)} does not exist")
    return None


def _scheduled(site: Site, station_id: str, change: ChangeAvailability) -> str:
    """The word by which stations say that a transaction still runs (OCPP 1.6 §5.2)."""
    refs = site.refs_of(station_id) if change.evse_id is None else [EvseRef(station_id, change.evse_id)]
    is_running = any(site.at_evse(ref) is not None for ref in refs)
    return "Scheduled" if is_running and change.operational_status == "Inoperative" else ""


def _why_not_unlocked(site: Site, ref: EvseRef) -> Refused | None:
    polled = _polled(site, ref.station_id)
    if ref not in site.evses:
        return Refused(reason=f"EVSE {ref} does not exist")
    if polled is None or not polled.has_lock:
        model = polled.profile_id if polled is not None else "not known"
        return Refused(reason=f"{ref.station_id} ({model}) has no register for its lock that is known to open it")
    if site.at_evse(ref) is not None:
        return Refused(reason=f"EVSE {ref} has a running transaction: stop it first")
    return None


def _polled(site: Site, station_id: str) -> Polled | None:
    abilities = site.stations[station_id].abilities
    return abilities.polled if abilities is not None else None
