"""Tariffs as OCPI publishes them, read and written."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from protocols.ocpi.tariff import Fee, IdleRules, PriceComponent, Tariff, TariffDimensionType, TariffElement, TariffType
from protocols.ocpi.tariff_document import BadTariff, read_tariff, write_tariff
from protocols.ocpi.tariff_problems import problems

WHOLE: dict[str, Any] = {
    "country_code": "DE",
    "party_id": "ALL",
    "id": "14",
    "currency": "EUR",
    "type": "REGULAR",
    "tariff_alt_text": [{"language": "en", "text": "2.50 to begin"}],
    "tax_included": "NO",
    "min_price": {"before_taxes": Decimal("0.50"), "after_taxes": Decimal("0.55")},
    "max_price": {"before_taxes": Decimal(25)},
    "elements": [
        {
            "price_components": [{"type": "TIME", "price": Decimal("5.00"), "vat": Decimal("20.0"), "step_size": 60}],
            "restrictions": {"reservation": "RESERVATION"},
        },
        {
            "price_components": [
                {"type": "ENERGY", "price": Decimal("0.25"), "step_size": 1},
                {"type": "FLAT", "price": Decimal(2), "step_size": 1, "vat": Decimal(0)},
            ],
            "restrictions": {
                "start_time": "09:00",
                "end_time": "00:00",
                "start_date": "2026-01-01",
                "end_date": "2026-12-31",
                "min_kwh": Decimal("1.5"),
                "max_kwh": Decimal(50),
                "min_current": Decimal(6),
                "max_current": Decimal(32),
                "min_power": Decimal("3.7"),
                "max_power": Decimal(22),
                "min_duration": 60,
                "max_duration": 3600,
                "day_of_week": ["MONDAY", "SUNDAY"],
            },
        },
        {"price_components": [{"type": "ENERGY", "price": Decimal("0.5"), "step_size": 1}]},
    ],
    "start_date_time": "2026-01-01T00:00:00Z",
    "end_date_time": "2027-01-01T00:00:00Z",
    "last_updated": "2018-12-18T17:07:11Z",
}


def test_what_is_read_is_written_the_same() -> None:
    tariff = read_tariff(WHOLE)
    assert tariff.type is TariffType.REGULAR
    assert write_tariff(tariff, country_code="DE", party_id="ALL") == WHOLE


def test_the_words_of_2_2_1() -> None:
    tariff = read_tariff(WHOLE)
    older = write_tariff(tariff, country_code="DE", party_id="ALL", version="2.2.1")
    assert "tax_included" not in older
    assert older["min_price"] == {"excl_vat": Decimal("0.50"), "incl_vat": Decimal("0.55")}
    assert read_tariff(older) == tariff


def test_json_numbers_are_what_they_say() -> None:
    read = read_tariff(
        json.loads(
            '{"id":"1","currency":"EUR","last_updated":"2026-01-01T00:00:00","elements":'
            '[{"price_components":[{"type":"ENERGY","price":0.1,"vat":5.2,"step_size":1.0}]}]}'
        )
    )
    (component,) = read.elements[0].price_components
    assert (component.price, component.vat, component.step_size) == (Decimal("0.1"), Decimal("5.2"), 1)
    assert read.last_updated == datetime(2026, 1, 1, tzinfo=UTC)


def test_dates_and_times_of_toml() -> None:
    element = {"price_components": [{"type": "FLAT", "price": 1}]}
    told = {"start_time": time(8, 5), "start_date": date(2028, 2, 29)}
    document = {"id": "1", "currency": "EUR", "last_updated": datetime(2026, 1, 1, tzinfo=UTC)}
    read = read_tariff(document | {"elements": [element | {"restrictions": told}]})
    assert read.elements[0].restrictions is not None
    assert (read.elements[0].restrictions.start_time, read.elements[0].restrictions.start_date) == (
        "08:05",
        "2028-02-29",
    )


def test_what_ocpi_cannot_say_is_told_as_far_as_it_can() -> None:
    fees = (Fee(label="electricity", price=Decimal("0.7"), vat=Decimal(13)), Fee(label="service", price=Decimal("0.8")))
    component = PriceComponent(type=TariffDimensionType.ENERGY, price=Decimal("1.5"), label="平", fees=fees)
    tariff = Tariff(
        id="T",
        currency="CNY",
        elements=(TariffElement(price_components=(component,)),),
        last_updated=datetime(2026, 1, 1, tzinfo=UTC),
        idle=IdleRules(grace_s=900, max_price=Decimal(30)),
    )
    assert problems(tariff) == []
    written = write_tariff(tariff, country_code="CN", party_id="OHM")
    assert written["elements"] == [{"price_components": [{"type": "ENERGY", "price": Decimal("1.5"), "step_size": 1}]}]
    text = "The first 15 min parked are free. Parking costs 30 CNY at most."
    assert written["tariff_alt_text"] == [{"language": "en", "text": text}]
    read_tariff(written)


def test_every_problem_is_found_in_one_reading() -> None:
    with pytest.raises(BadTariff) as raised:
        read_tariff({"elements": [{"price_components": [{"type": "ENERGY"}, {"price": "x"}]}], "id": 5, "max": 1})
    assert raised.value.problems == (
        "has 'max', which is not known",
        "id 5 is no text",
        "currency is missing",
        "element 1, component 1: price is missing",
        "element 1, component 2: type is missing",
        "element 1, component 2: price 'x' is no number",
        "last_updated is missing",
    )
