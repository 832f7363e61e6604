"""The story of a bill, for a person and as JSON: readings, intervals, lines, signed values, decisions, postings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic import TypeAdapter

from edge.domain.explanation import Explanation, Interval, explain
from edge.ledger.bill_reading import BillDocument, RegisterReading, as_json
from protocols.ocpi.cdr import Cdr
from protocols.sync.up import Entry, PostingMade

Postings = Sequence[tuple[Entry, PostingMade]]
_EXPLANATION: Final = TypeAdapter(Explanation)
_ENTRY: Final = TypeAdapter(Entry)
_READINGS: Final = TypeAdapter(list[RegisterReading])
_TIME: Final = "%Y-%m-%d %H:%M:%S"


def story_json(
    about: BillDocument, documents: Sequence[BillDocument], postings: Postings, readings: list[RegisterReading]
) -> dict[str, Any]:
    """`bill` is what was asked for, `history` all bills of its transaction in their order."""
    return {
        "bill": as_json(about),
        "explanation": _EXPLANATION.dump_python(explain(about.cdr), mode="json"),
        "readings": _READINGS.dump_python(readings, mode="json"),
        "history": [as_json(each) for each in documents],
        "postings": [_ENTRY.dump_python(entry, mode="json") for entry, _ in postings],
    }


def story_text(
    about: BillDocument, documents: Sequence[BillDocument], postings: Postings, readings: list[RegisterReading]
) -> Iterator[str]:
    cdr, told = about.cdr, explain(about.cdr)
    yield f"Bill {cdr.id}: {about.state}, entry {about.seq} of the money stream, {about.at:{_TIME}} UTC"
    yield f"Session {cdr.session_id} at {cdr.station_id}*{cdr.evse_id}, token {_token(cdr)}, contract {cdr.contract_id}"
    yield from _readings(cdr, readings)
    yield f"Tariff {cdr.tariff.id} of {cdr.tariff.last_updated:{_TIME}} UTC; times are of {cdr.time_zone}"
    yield ""
    yield "Intervals"
    for interval in told.intervals:
        yield from _interval(interval, cdr.currency)
    yield ""
    yield "Lines"
    for story in told.lines:
        line = story.line
        label = f" {line.label}" if line.label else ""
        kind = f" ({line.reservation})" if line.reservation is not None else ""
        yield f"  {line.type}{kind}{label}: {line.cost.excl_vat} before, {line.cost.incl_vat} after taxes"
        yield from (f"    {sentence}" for sentence in story.sentences)
    yield f"  Total {cdr.total_cost.excl_vat} before and {cdr.total_cost.incl_vat} {cdr.currency} after taxes"
    yield f"  Priced by {cdr.engine}, rounded by {cdr.rounding_rule}; {_again(told)}"
    yield ""
    yield from _history(documents, postings)


def _token(cdr: Cdr) -> str:
    """Its end is enough to know it again."""
    return "none" if cdr.token_uid is None else f"…{cdr.token_uid[-4:]}"


def _readings(cdr: Cdr, readings: list[RegisterReading]) -> Iterator[str]:
    yield f"Meter: {cdr.meter_start_wh} Wh at the start, {cdr.meter_stop_wh} Wh at the end"
    yield f"Billed: {cdr.total_energy_wh} Wh, {cdr.total_time_s} s charging, {cdr.total_parking_time_s} s parked"
    yield f"From {cdr.start_date_time:{_TIME}} to {cdr.end_date_time:{_TIME}} UTC, ended by {cdr.stop_reason}"
    if readings:
        first, last = readings[0], readings[-1]
        yield (
            f"{len(readings)} readings in the journal: {first.wh} Wh at {first.at:{_TIME}}, {last.wh} Wh at"
            f" {last.at:{_TIME}} UTC"
        )
    if cdr.signed_data is None:
        yield "No values that the meter signed"
    else:
        natures = ", ".join(value.nature for value in cdr.signed_data.signed_values)
        method = cdr.signed_data.encoding_method
        yield f"Values that the meter signed ({method}): {natures}; see `ohmstead-edge bills signed {cdr.id}`"


def _interval(interval: Interval, currency: str) -> Iterator[str]:
    facts = [f"{interval.seconds} s", f"{interval.energy_wh} Wh"]
    if interval.power_w is not None:
        facts.append(f"{interval.power_w} W")
    if interval.current_ma is not None:
        facts.append(f"{interval.current_ma} mA")
    grace = ", within the grace: parking is free" if interval.is_in_grace else ""
    yield f"  {interval.local:%Y-%m-%d %H:%M:%S} {interval.kind}: {', '.join(facts)}{grace}"
    for rate in interval.rates:
        matched = "; ".join(f"{name} {value}" for name, value in rate.matched.items()) or "no restriction"
        step = f", steps of {rate.step_size}" if rate.step_size > 1 else ""
        yield f"    {rate.dimension} {rate.price} {currency} by element {rate.element} ({matched}){step}"
    if not interval.rates:
        yield "    nothing of the tariff prices it"


def _again(told: Explanation) -> str:
    match told.is_same:
        case True:
            return "made again today it comes to the same cents"
        case False:
            return "MADE AGAIN TODAY IT COMES TO SOMETHING ELSE: see `ohmstead-edge verify`"
        case None:
            return "these rules are not known any more"


def _history(documents: Sequence[BillDocument], postings: Postings) -> Iterator[str]:
    yield "History"
    for each in documents:
        cdr = each.cdr
        yield f"  {each.at:{_TIME}} UTC {_made(each)}: {cdr.total_cost.incl_vat} {cdr.currency}, now {each.state}"
        yield from (f"    kept back: {doubt}" for doubt in cdr.quarantine)
        if each.decided is not None and each.decided_at is not None:
            who = each.decided.by + (f" and {each.decided.second_by}" if each.decided.second_by else "")
            word = each.decided.decision.replace("_", " ")
            yield f"    {each.decided_at:{_TIME}} UTC {word} by {who}: {each.decided.reason}"
    for entry, posting in postings:
        legs = ", ".join(f"{leg.account} {leg.amount}" for leg in posting.legs)
        yield f"  {entry.at:{_TIME}} UTC posting {posting.posting_id}: {legs}"


def _made(document: BillDocument) -> str:
    cdr = document.cdr
    if cdr.credit:
        return f"credit {cdr.id} of {cdr.credit_reference_id}"
    if cdr.quarantine:
        return f"bill {cdr.id} kept back"
    return f"bill {cdr.id} issued" + (f" instead of {cdr.replaces}" if cdr.replaces else "")
