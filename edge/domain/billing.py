"""The end of a transaction: its one bill, issued and posted, or kept back for a person."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from edge.domain import holds
from edge.domain.accounts import money_id as money_id
from edge.domain.accounts import post_cdr
from edge.domain.decision import Decision
from edge.domain.deviations import note
from edge.domain.main_meter import contradicts
from edge.domain.metering import end_samples
from edge.domain.pricing.compiled import prices_energy, prices_time
from edge.domain.pricing.price import ENGINE, price_reservation, price_session
from edge.domain.pricing.re_rate import reason_of
from edge.domain.receipts import issue_for_bill
from edge.domain.site import Site
from edge.domain.transaction import Cause, Doubt, Transaction, is_beyond_rating
from edge.domain.unbilled import note_end
from protocols.charger.events import DeviationNoticed
from protocols.money import ROUNDING_RULE
from protocols.ocpi.cdr import Cdr, ChargingPeriod
from protocols.ocpi.tariff import Tariff
from protocols.sync.up import CdrIssued, CdrQuarantined, Severity, TransactionEnded
from protocols.sync.upkeep import ReservationEnd, ReservationMade

SUPERSEDED: Final = "Superseded"
"""Why a transaction ended whose end the station never told: another one began at its EVSE."""
MEASURED_AT_LEAST_WH: Final = 500
SLOWEST_PERCENT: Final = 5
"""A bill is suspect when the register rose by less than this part of what the measured power comes to, where that is
something: kWh that are labelled Wh are a thousandth (field quirk 12)."""


def end_transaction(
    site: Site,
    decision: Decision,
    transaction: Transaction,
    now: datetime,
    *,
    meter_stop_wh: int | None,
    ended_at: datetime,
    reason: str,
) -> Cdr:
    """End and bill an open transaction: end, bill and posting are one commit."""
    if site.clock.is_bad:
        transaction.remark(f"the site's clock was {site.clock.remark} when it ended")
    wallet = site.accounts.wallets.pop(transaction.transaction_id, None)
    if wallet is not None:
        reason = holds.end_reason(wallet, reason)
    transaction.finish(meter_stop_wh, ended_at)
    _doubt_energy(site, transaction, ended_at)
    stop_wh = transaction.last_wh if transaction.last_wh is not None else transaction.meter_start_wh or 0
    decision.journal(
        site,
        now,
        TransactionEnded(
            transaction_id=transaction.transaction_id,
            station_id=transaction.station_id,
            evse_id=transaction.evse_id,
            meter_stop_wh=stop_wh,
            ended_at=ended_at,
            reason=reason,
        ),
    )
    if wallet is not None:
        holds.release(site, decision, transaction, wallet, now)
    cdr = _bill(site, transaction, stop_wh, ended_at, reason)
    if cdr.quarantine:
        transaction.move(Cause.FINISHED_SUSPECT)
        decision.journal(site, now, CdrQuarantined(cdr=cdr))
        text = f"bill {cdr.id} at {transaction.ref} waits for a person: {'; '.join(cdr.quarantine)}"
        decision.raise_alarm(site, now, "bill_quarantined", Severity.WARNING, text, cdr.id, transaction.ref)
    else:
        transaction.move(Cause.FINISHED_SOUND)
        decision.journal(site, now, CdrIssued(cdr=cdr))
        decision.journal(site, now, post_cdr(cdr, money_id(site)))
        if site.rules.receipts.every_bill:
            issue_for_bill(site, decision, cdr.id, now)
    if wallet is not None:
        holds.settle(site, decision, transaction, now)
    end_samples(site, decision, transaction, now)
    note_end(site, decision, transaction, ended_at, now)
    site.close_transaction(transaction, reason)
    decision.checkpoints.pop(transaction.transaction_id, None)
    status = site.evses.get(transaction.ref)
    if status is not None and status.transaction_id is None:
        site.set_power(status, 0)
        status.state_of_charge_percent = None
    decision.shown.add(transaction.ref)
    return cdr


def bill_reservation(
    site: Site, decision: Decision, made: ReservationMade, reason: ReservationEnd, ended_at: datetime, now: datetime
) -> None:
    """The bill of a reservation that no transaction used, where its tariff has a price for that."""
    reserved_s = max(0, int((ended_at - made.made_at).total_seconds()))
    period = ChargingPeriod(start_date_time=made.made_at, reservation_time_s=reserved_s)
    time_zone = site.rules.location.time_zone
    is_expired = reason is ReservationEnd.EXPIRED
    bill = price_reservation(made.tariff, [period], is_expired=is_expired, time_zone=time_zone)
    if not bill.lines:
        return
    cdr = Cdr(
        id=money_id(site),
        session_id=made.session_id,
        location_id=site.rules.location.id,
        station_id=made.station_id,
        evse_id=made.evse_id or 0,
        token_uid=made.token_uid,
        contract_id=made.contract_id,
        start_date_time=made.made_at,
        end_date_time=ended_at,
        meter_start_wh=0,
        meter_stop_wh=0,
        total_energy_wh=0,
        total_time_s=0,
        total_parking_time_s=0,
        currency=made.tariff.currency,
        tariff=made.tariff,
        charging_periods=(period,),
        lines=bill.lines,
        total_cost=bill.total,
        stop_reason=reason_of(reason),
        rounding_rule=ROUNDING_RULE,
        engine=ENGINE,
        total_reservation_time_s=reserved_s,
        time_zone=time_zone,
        total_reservation_cost=bill.reservation,
    )
    decision.journal(site, now, CdrIssued(cdr=cdr))
    decision.journal(site, now, post_cdr(cdr, money_id(site)))
    if site.rules.receipts.every_bill:
        issue_for_bill(site, decision, cdr.id, now)


def _doubt_energy(site: Site, transaction: Transaction, ended_at: datetime) -> None:
    """Field quirks 4 and 12: the register at the start, or its unit, may be wrong."""
    status = site.evses.get(transaction.ref)
    rating_w = status.evse.max_power_w if status else site.rules.default_max_power_w
    duration_s = max(0, int((ended_at - transaction.started_at).total_seconds()))
    energy_wh = transaction.energy_wh
    if is_beyond_rating(energy_wh, rating_w, duration_s):
        rated_wh = rating_w * duration_s // 3600
        evidence = f"{energy_wh} Wh in {duration_s} s, in which {rating_w} W make {rated_wh} Wh"
        transaction.doubt(Doubt.TOO_MUCH_ENERGY, f"{evidence}; {_registers(transaction)}")
    meter = site.station(transaction.station_id).main_meter
    against = contradicts(meter, transaction, rating_w, ended_at) if meter is not None else None
    if against is not None:
        transaction.doubt(Doubt.MAIN_METER, f"{against}; {_registers(transaction)}")
    measured_wh = transaction.measured_wh
    if measured_wh > MEASURED_AT_LEAST_WH and energy_wh * 100 < measured_wh * SLOWEST_PERCENT:
        evidence = f"{energy_wh} Wh, the power that was measured makes {measured_wh} Wh"
        transaction.doubt(Doubt.METER_TOO_SLOW, f"{evidence}; {_registers(transaction)}")


def _registers(transaction: Transaction) -> str:
    """What a person wants to see first."""
    first = ""
    if transaction.first_wh is not None and transaction.first_at is not None:
        first = f", first read {transaction.first_wh} Wh at {transaction.first_at.isoformat()}"
    return f"began at {transaction.meter_start_wh} Wh{first}, ended at {transaction.last_wh} Wh"


def doubt_order(site: Site, decision: Decision, transaction: Transaction, *, has_register: bool, now: datetime) -> None:
    """Field quirk 14: are all messages there up to the last? What is missing keeps a bill back only where it could
    change it: without a register at the end, or where time has a price."""
    numbering = transaction.numbering
    if numbering is None or (numbering.is_sane and not numbering.missing):
        return
    remedy = "billed by what came"
    if numbering.is_sane and not (has_register and not prices_time(transaction.tariff)):
        numbers = ", ".join(map(str, numbering.missing[:10]))
        transaction.doubt(Doubt.INCOMPLETE, f"seqNo {numbers} of {numbering.highest} never came")
        remedy = "bill kept back"
    problem = "messages are missing" if numbering.is_sane else "numbers that make no sense"
    station_id = transaction.station_id
    event = DeviationNoticed(
        station_id=station_id, action="TransactionEvent", path="/seqNo", problem=problem, remedy=remedy
    )
    note(site, decision, event, now)


def _bill(site: Site, transaction: Transaction, stop_wh: int, ended_at: datetime, reason: str) -> Cdr:
    periods = transaction.charging_periods(ended_at)
    time_zone = site.rules.location.time_zone
    bill = price_session(transaction.tariff, periods, time_zone)
    doubts = transaction.doubts
    if Doubt.CLOCK in doubts and bill.reservation is None and not prices_time(transaction.tariff):
        doubts = [doubt for doubt in doubts if doubt is not Doubt.CLOCK]
    if Doubt.ESTIMATED in doubts and _bills_estimates(site, transaction.tariff):
        doubts = [doubt for doubt in doubts if doubt is not Doubt.ESTIMATED]
    start_wh = transaction.meter_start_wh if transaction.meter_start_wh is not None else stop_wh
    return Cdr(
        id=money_id(site),
        session_id=transaction.transaction_id,
        location_id=site.rules.location.id,
        station_id=transaction.station_id,
        evse_id=transaction.evse_id,
        token_uid=transaction.token_uid,
        contract_id=transaction.contract_id,
        start_date_time=min(transaction.started_at, transaction.reserved_at or transaction.started_at),
        end_date_time=ended_at,
        meter_start_wh=start_wh,
        meter_stop_wh=stop_wh,
        total_energy_wh=int(bill.energy_wh),
        total_time_s=int(bill.time_s),
        total_parking_time_s=int(bill.parking_time_s),
        currency=transaction.tariff.currency,
        tariff=transaction.tariff,
        charging_periods=periods,
        lines=bill.lines,
        total_cost=bill.total,
        stop_reason=reason,
        rounding_rule=ROUNDING_RULE,
        engine=ENGINE,
        quarantine=tuple([_reason(transaction, doubt) for doubt in doubts]),
        total_reservation_time_s=int(bill.reservation_time_s),
        total_reservation_cost=bill.reservation,
        signed_data=transaction.signed,
        time_zone=time_zone,
        remarks=tuple(transaction.remarks),
    )


def _bills_estimates(site: Site, tariff: Tariff) -> bool:
    return tariff.id in site.rules.estimating_tariffs or not prices_energy(tariff)


def _reason(transaction: Transaction, doubt: Doubt) -> str:
    """For a person: the doubt, and what it stands on."""
    evidence = transaction.evidence.get(doubt)
    return f"{doubt}: {evidence}" if evidence else str(doubt)
