"""A person decides upon a bill: one in quarantine is issued or written off, one that was issued is credited.

Nothing is edited. What was decided, the credit and the new bill are entries of their own, in one commit with their
postings, and each bill is decided upon once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from msgspec import structs

from edge.domain.accounts import post_cdr
from edge.domain.bill_book import BillRecord
from edge.domain.billing import money_id
from edge.domain.correction_events import BillDecisionAsked, BillSettled
from edge.domain.decision import Decision
from edge.domain.events import Refused
from edge.domain.receipts import issue_for_bill
from edge.domain.rerating import changed, credit_of, rated
from edge.domain.site import Site
from protocols.ocpi.cdr import Cdr
from protocols.sync.corrections import BillDecided
from protocols.sync.up import CdrIssued, PostingReason
from protocols.terms import BillDecision

_FOR_QUARANTINED: Final = frozenset({BillDecision.ACCEPTED, BillDecision.RERATED, BillDecision.WRITTEN_OFF})
MAX_ENERGY_WH: Final = 100_000_000
MAX_REASON: Final = 500


def decide_bill(site: Site, decision: Decision, asked: BillDecisionAsked, now: datetime) -> None:
    """Carry out what was asked, or say why not."""
    record = site.bills.get(asked.cdr_id)
    if record is None:
        decision.reply = Refused(reason=f"there is no bill {asked.cdr_id}: see `ohmstead-edge bills list`")
        return
    if record.decided is not None:
        decision.reply = _said_again(record.decided, asked)
        return
    problem = _problem(site, record, asked)
    if problem is not None:
        decision.reply = Refused(reason=problem)
        return
    bill = _new_bill(site, record.cdr, asked)
    problem = _lacks_second(site, record.cdr, bill, asked)
    if problem is not None:
        decision.reply = Refused(reason=problem)
        return
    _settle(site, decision, record, bill, asked, now)


def _settle(
    site: Site, decision: Decision, record: BillRecord, bill: Cdr | None, asked: BillDecisionAsked, now: datetime
) -> None:
    """Journal all of it; the ids are those of the entries to come."""
    credit = None if record.is_quarantined else credit_of(record.cdr, money_id(site, ahead=1))
    if bill is not None:
        ahead = 1 if credit is None else 3
        bill = structs.replace(bill, id=money_id(site, ahead=ahead), replaces=record.cdr.id, quarantine=())
    decided = BillDecided(
        cdr_id=record.cdr.id,
        session_id=record.cdr.session_id,
        decision=asked.decision,
        reason=asked.reason.strip(),
        by=asked.by,
        second_by=asked.second_by,
        credit_cdr_id=None if credit is None else credit.id,
        new_cdr_id=None if bill is None else bill.id,
        request_key=asked.request_key,
    )
    decision.journal(site, now, decided)
    for each in (credit, bill):
        if each is not None:
            decision.journal(site, now, CdrIssued(cdr=each))
            reason = PostingReason.CREDIT if each.credit else PostingReason.CDR
            posting = post_cdr(each, money_id(site))
            decision.journal(site, now, structs.replace(posting, reason=reason, text=decided.reason, by=asked.by))
            site.bills.keep(BillRecord(cdr=each, is_quarantined=False))
    if site.rules.receipts.every_bill:  # after all of these: their ids are the numbers of their entries
        for each in (credit, bill):
            if each is not None:
                issue_for_bill(site, decision, each.id, now)
    site.bills.keep(BillRecord(cdr=record.cdr, is_quarantined=record.is_quarantined, decided=decided))
    decision.clear_alarm(site, now, "bill_quarantined", record.cdr.id)
    decision.reply = BillSettled(decided=decided, bill=bill, credit=credit)


def _new_bill(site: Site, cdr: Cdr, asked: BillDecisionAsked) -> Cdr | None:
    match asked.decision:
        case BillDecision.ACCEPTED:
            return cdr
        case BillDecision.WRITTEN_OFF | BillDecision.CREDITED:
            return None
        case BillDecision.RERATED | BillDecision.CORRECTED:
            tariff = site.tariffs[asked.tariff_id] if asked.tariff_id is not None else None
            if asked.energy_wh is None and asked.ended_at is None and tariff is None:
                return rated(cdr)
            return changed(cdr, energy_wh=asked.energy_wh, ended_at=asked.ended_at, tariff=tariff)


def _problem(site: Site, record: BillRecord, asked: BillDecisionAsked) -> str | None:
    cdr = record.cdr
    if cdr.credit:
        return f"{cdr.id} is a credit; a credit is not decided upon: correct the bill that was issued instead"
    if record.is_quarantined != (asked.decision in _FOR_QUARANTINED):
        if record.is_quarantined:
            return f"bill {cdr.id} is in quarantine: accept, re-rate or write it off"
        return f"bill {cdr.id} is issued: it can be credited, and corrected by a credit and a new bill"
    if not asked.reason.strip():
        return "say why: a decision upon a bill needs a reason"
    if len(asked.reason) > MAX_REASON:
        return f"the reason has {len(asked.reason)} characters; expected up to {MAX_REASON}"
    return _wrong_input(site, cdr, asked)


def _wrong_input(site: Site, cdr: Cdr, asked: BillDecisionAsked) -> str | None:
    is_any_given = asked.energy_wh is not None or asked.ended_at is not None or asked.tariff_id is not None
    if asked.decision not in (BillDecision.RERATED, BillDecision.CORRECTED):
        return (
            f"{asked.decision} changes nothing of the bill: leave energy, end and tariff out" if is_any_given else None
        )
    if asked.decision is BillDecision.CORRECTED and not is_any_given:
        return "say what is to be another: the energy, the end or the tariff; to take all of it back, credit it"
    if asked.energy_wh is not None and not 0 <= asked.energy_wh <= MAX_ENERGY_WH:
        return f"energy of {asked.energy_wh} Wh; expected 0 to {MAX_ENERGY_WH} Wh"
    if asked.tariff_id is not None and asked.tariff_id not in site.tariffs:
        return f"there is no tariff {asked.tariff_id!r}; there are {', '.join(sorted(site.tariffs))}"
    if asked.tariff_id is not None and site.tariffs[asked.tariff_id].currency != cdr.currency:
        return f"tariff {asked.tariff_id!r} is in another currency than the bill, which is in {cdr.currency}"
    is_session = any(not period.reservation_time_s for period in cdr.charging_periods)
    if not is_session and (asked.energy_wh is not None or asked.ended_at is not None):
        return f"bill {cdr.id} is for a reservation alone: only its tariff can be another"
    if asked.ended_at is not None:
        began_at = next(each.start_date_time for each in cdr.charging_periods if not each.reservation_time_s)
        if asked.ended_at.tzinfo is None or asked.ended_at.astimezone(UTC) <= began_at:
            return f"an end at {asked.ended_at.isoformat()}; expected one after {began_at.isoformat()}, with its zone"
    return None


def _lacks_second(site: Site, before: Cdr, after: Cdr | None, asked: BillDecisionAsked) -> str | None:
    """Much money needs two people: the larger of what was billed and what is to be billed counts."""
    if asked.second_by is not None and asked.second_by == asked.by:
        return f"{asked.by} cannot be the second person, too"
    limit = site.rules.second_person_above
    most = max(abs(each.total_cost.incl_vat) for each in (before, after) if each is not None)
    if most > limit and asked.second_by is None:
        return f"{most} {before.currency} is above {limit}: a second person has to agree"
    return None


def _said_again(decided: BillDecided, asked: BillDecisionAsked) -> BillSettled | Refused:
    if asked.request_key and asked.request_key == decided.request_key:
        return BillSettled(decided=decided)
    return Refused(reason=f"bill {decided.cdr_id} was {decided.decision} by {decided.by} already: {decided.reason}")
