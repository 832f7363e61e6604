"""Bills, payments and statements to print, and how a site prints them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from edge.domain.pricing.price import ENGINE, price_session
from edge.domain.receipt_book import Numbered
from edge.receipts.heads import Head, Seller
from edge.receipts.printing import Printing
from edge.receipts.statement import StatementFacts, StatementLine
from edge.receipts.words import Language
from protocols.money import ROUNDING_RULE
from protocols.ocpi.cdr import Cdr, ChargingPeriod, SignedData, SignedValue
from protocols.ocpi.tariff import PriceComponent, Tariff, TariffDimensionType, TariffElement
from protocols.sync.payments import Payment, PaymentMethod, PaymentState
from protocols.sync.receipts import StatementMade
from protocols.sync.up import PostingReason

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PRINTING = Printing(
    seller=Seller(
        name="Löwen Parkhaus 狮子停车场",
        address=("Hafenstraße 7", "20457 Hamburg"),
        tax_id="DE123456789",
        footer=("Thank you 谢谢",),
    ),
    zone=ZoneInfo("Europe/Berlin"),
    language=Language.ENGLISH,
)
NUMBER = Numbered(number="R-edge-1-000123", count=123, issued_at=T0 + timedelta(hours=2))


def component(kind: str, price: str, vat: str | None = None, step: int = 1) -> PriceComponent:
    return PriceComponent(
        type=TariffDimensionType(kind), price=Decimal(price), vat=Decimal(vat) if vat else None, step_size=step
    )


def tariff(*components: PriceComponent, **more: Any) -> Tariff:
    more = {"id": "ac", "currency": "EUR", "last_updated": T0, **more}
    return Tariff(elements=(TariffElement(price_components=components),), **more)


USUAL = tariff(
    component("FLAT", "0.50", "19"),
    component("ENERGY", "0.49", "19"),
    component("TIME", "1.20", "7", 900),
    component("PARKING_TIME", "6.00"),
    tariff_alt_text="0,49 €/kWh 电费 plus a fee",
)


def bill(priced_by: Tariff = USUAL, periods: tuple[ChargingPeriod, ...] | None = None, **more: Any) -> Cdr:
    if periods is None:
        periods = (
            ChargingPeriod(start_date_time=T0, energy_wh=20_154, time_s=5_400),
            ChargingPeriod(start_date_time=T0 + timedelta(minutes=90), parking_time_s=605),
        )
    priced = price_session(priced_by, periods)
    facts: dict[str, Any] = {
        "id": "edge-1-01234567-42",
        "session_id": "edge-1-01234567-40",
        "location_id": "L",
        "station_id": "A",
        "evse_id": 1,
        "token_uid": "04A1B2C3",
        "contract_id": "DE-OHM-C1",
        "start_date_time": T0,
        "end_date_time": T0 + timedelta(minutes=100, seconds=5),
        "meter_start_wh": 1_000_000,
        "meter_stop_wh": 1_020_154,
        "total_energy_wh": sum(each.energy_wh for each in periods),
        "total_time_s": sum(each.time_s for each in periods),
        "total_parking_time_s": sum(each.parking_time_s for each in periods),
        "currency": priced_by.currency,
        "tariff": priced_by,
        "charging_periods": periods,
        "lines": priced.lines,
        "total_cost": priced.total,
        "stop_reason": "Local",
        "rounding_rule": ROUNDING_RULE,
        "engine": ENGINE,
        "signed_data": SignedData(
            encoding_method="OCMF", signed_values=(SignedValue(nature="Start", signed_data="OCMF|{}|{}"),)
        ),
    }
    return Cdr(**{**facts, **more})


def payment(amount: str = "10.00", **more: Any) -> Payment:
    facts: dict[str, Any] = {
        "payment_id": "p-1",
        "request_key": "k-1",
        "method": PaymentMethod.CASH,
        "amount": Decimal(amount),
        "currency": "EUR",
        "contract_id": "DE-OHM-C1",
        "state": PaymentState.TAKEN,
        "at": T0 + timedelta(hours=2),
        "by": "anna",
        "cdr_id": "edge-1-01234567-42",
        "given": Decimal("20.00"),
        "change": Decimal("20.00") - Decimal(amount),
    }
    return Payment(**{**facts, **more})


def statement() -> StatementFacts:
    made = StatementMade(
        number="S-edge-1-000007",
        count=7,
        contract_id="DE-OHM-C1",
        period="2026-02",
        since=datetime(2026, 1, 31, 23, tzinfo=UTC),
        until=datetime(2026, 2, 28, 23, tzinfo=UTC),
        currency="EUR",
        opening=Decimal("3.00"),
        billed=Decimal("12.50"),
        paid=Decimal("-10.00"),
        credited=Decimal("0.00"),
        other=Decimal("0.00"),
        closing=Decimal("5.50"),
        through_seq=99,
        issued_at=T0,
        due_on=date(2026, 3, 14),
    )
    at = datetime(2026, 2, 3, 12, tzinfo=UTC)
    lines = (
        StatementLine(at=at, reason=PostingReason.CDR, ref="edge-1-01234567-42", text="", amount=Decimal("12.50")),
        StatementLine(at=at, reason=PostingReason.PAYMENT, ref="", text="=cash", amount=Decimal("-10.00")),
    )
    return StatementFacts(made=made, lines=lines, customer="Jürgen 王")


def head(language: str = "en", *, is_copy: bool = False) -> Head:
    return PRINTING.head(NUMBER, is_copy=is_copy, language=language)


def amounts(text: str) -> list[Decimal]:
    """All sums of money with cents in a text, in its order."""
    return [Decimal(found) for found in re.findall(r"(?<![\d.:-])-?\d+\.\d\d(?!\d)", text)]
