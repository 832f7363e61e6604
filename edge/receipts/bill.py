"""The receipt of a bill: all that explains the amount, from the meter's readings to the taxes of each rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from edge.receipts.blocks import Banner, Block, Columns, Field, Item, Note, Rule, Sum, printable
from edge.receipts.heads import Head, foot, kwh, masked, money, plain_number, span, top, unit_price
from edge.receipts.words import Words
from protocols.money import ZERO
from protocols.ocpi.cdr import Cdr, PriceLine
from protocols.ocpi.tariff import TariffDimensionType
from protocols.sync.payments import Payment, PaymentState


@dataclass(frozen=True, slots=True, kw_only=True)
class BillFacts:
    """A bill, and what became of it: the payments that were made for it, and the credit that took it back."""

    cdr: Cdr
    payments: tuple[Payment, ...] = ()
    is_prepaid: bool = False
    credited_by: str | None = None
    customer: str = ""

    @property
    def paid(self) -> Decimal:
        """What was paid for it, less what went back."""
        return sum((each.amount - each.refunded for each in self.taken), ZERO)

    @property
    def taken(self) -> list[Payment]:
        """The payments that came, and not those by which something went back."""
        moved = (PaymentState.TAKEN, PaymentState.REFUNDED)
        return [each for each in self.payments if each.state in moved and each.reverses is None]


def bill_page(head: Head, facts: BillFacts) -> tuple[Block, ...]:
    return tuple(_page(head, facts))


def _page(head: Head, facts: BillFacts) -> Iterator[Block]:
    words, cdr = head.words, facts.cdr
    yield from top(head, words.credit_note if cdr.credit else words.receipt)
    if cdr.credit:
        yield Banner(words.credit_note)
    yield Field(words.bill, printable(cdr.id))
    if cdr.credit_reference_id is not None:
        yield Field(words.credits_bill, printable(cdr.credit_reference_id))
    if cdr.replaces is not None:
        yield Field(words.replaces_bill, printable(cdr.replaces))
    yield from _whose(head, facts)
    yield Rule()
    yield from _session(head, cdr)
    yield Rule()
    yield from (_item(words, line, cdr.currency) for line in cdr.lines)
    yield Rule()
    yield from _taxes(words, cdr)
    yield Sum(words.net, money(cdr.total_cost.excl_vat, cdr.currency))
    yield Sum(words.taxes, money(cdr.total_cost.incl_vat - cdr.total_cost.excl_vat, cdr.currency))
    yield Sum(
        words.credit_total if cdr.credit else words.total, money(cdr.total_cost.incl_vat, cdr.currency), is_total=True
    )
    if not cdr.credit:
        yield Rule()
        yield from _settled(words, facts)
    yield Rule()
    if cdr.tariff.tariff_alt_text:
        yield Note(f"{words.tariff}: {printable(cdr.tariff.tariff_alt_text)}")
    else:
        yield Note(f"{words.tariff}: {printable(cdr.tariff.id)}")
    yield Note(words.method_note.format(rule=cdr.rounding_rule, engine=cdr.engine))
    yield from foot(head)


def _whose(head: Head, facts: BillFacts) -> Iterator[Block]:
    words, cdr = head.words, facts.cdr
    yield Field(words.station, f"{printable(cdr.station_id)}*{cdr.evse_id}")
    if facts.customer:
        yield Field(words.customer, printable(facts.customer))
    yield Field(words.contract, printable(cdr.contract_id))
    if cdr.token_uid is not None:
        yield Field(words.card, masked(cdr.token_uid))


def _session(head: Head, cdr: Cdr) -> Iterator[Block]:
    words = head.words
    yield Field(words.begun, head.stamp(cdr.start_date_time))
    yield Field(words.ended, head.stamp(cdr.end_date_time))
    yield Field(words.meter_start, kwh(cdr.meter_start_wh))
    yield Field(words.meter_end, kwh(cdr.meter_stop_wh))
    yield Field(words.energy, kwh(cdr.total_energy_wh))
    for label, seconds in (
        (words.charging_time, cdr.total_time_s),
        (words.parking_time, cdr.total_parking_time_s),
        (words.reserved_time, cdr.total_reservation_time_s),
    ):
        if seconds:
            yield Field(label, span(seconds))
    if cdr.signed_data is not None:
        yield Field(words.signed, printable(cdr.signed_data.encoding_method))


def _item(words: Words, line: PriceLine, currency: str) -> Item:
    """What it is for, quantity and price, and before and after taxes."""
    details = []
    if line.adjustment is None:
        details.append(_reckoning(words, line, currency))
    rate = words.vat_free if line.vat is None else words.vat.format(rate=plain_number(line.vat))
    if line.adjustment is not None and line.vat is None and line.cost.excl_vat != line.cost.incl_vat:
        rate = words.vat_mixed
    details.append(f"{rate}: {line.cost.excl_vat:.2f} + {line.cost.incl_vat - line.cost.excl_vat:.2f}")
    return Item(_name(words, line), tuple(details), f"{line.cost.incl_vat:.2f}")


def _name(words: Words, line: PriceLine) -> str:
    if line.adjustment is not None:
        return words.adjustment[line.adjustment]
    name = words.dimension[line.type]
    if line.reservation is not None:
        name = words.reservation[line.reservation]
    return f"{name} {printable(line.label)}" if line.label else name


def _reckoning(words: Words, line: PriceLine, currency: str) -> str:
    price = unit_price(line.price)
    match line.type:
        case TariffDimensionType.ENERGY:
            taken, billed, per = kwh(line.quantity), kwh(line.billed_quantity), words.per_kwh
        case TariffDimensionType.TIME | TariffDimensionType.PARKING_TIME:
            taken, billed, per = span(line.quantity), span(line.billed_quantity), words.per_hour
        case TariffDimensionType.FLAT:
            return f"1 x {price} {currency}/{words.per_session}"
    stepped = f" ({words.billed.format(quantity=billed)})" if taken != billed else ""
    return f"{taken}{stepped} x {price} {currency}/{per}"


def _taxes(words: Words, cdr: Cdr) -> Iterator[Block]:
    """What each rate comes to; an amount for several rates stands by itself."""
    rates: dict[str, tuple[Decimal, Decimal]] = {}
    for line in cdr.lines:
        rate = words.vat_free if line.vat is None else f"{plain_number(line.vat)} %"
        if line.vat is None and line.cost.excl_vat != line.cost.incl_vat:
            rate = words.vat_mixed
        net, gross = rates.get(rate, (ZERO, ZERO))
        rates[rate] = (net + line.cost.excl_vat, gross + line.cost.incl_vat)
    yield Columns(words.vat_head, is_head=True)
    for rate in sorted(rates):
        net, gross = rates[rate]
        yield Columns((rate, f"{net:.2f}", f"{gross - net:.2f}", f"{gross:.2f}"))


def _settled(words: Words, facts: BillFacts) -> Iterator[Block]:
    """How it was paid, and what is open."""
    cdr = facts.cdr
    if facts.credited_by is not None:
        yield Note(words.was_credited.format(credit=printable(facts.credited_by)))
        return
    for payment in facts.taken:
        yield Sum(words.payment.format(method=words.method[payment.method]), money(payment.amount, cdr.currency))
        if payment.given is not None and payment.change:
            yield Sum(words.given, money(payment.given, cdr.currency))
            yield Sum(words.change, money(payment.change, cdr.currency))
        if payment.refunded:
            yield Sum(words.went_back, money(payment.refunded, cdr.currency))
    left = cdr.total_cost.incl_vat - facts.paid
    if left <= 0:
        yield Sum(words.paid_in_full, money(facts.paid, cdr.currency))
    elif facts.is_prepaid:
        yield Sum(words.from_wallet, money(left, cdr.currency))
    else:
        yield Sum(words.open, money(left, cdr.currency))
