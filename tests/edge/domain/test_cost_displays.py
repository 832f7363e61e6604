"""OCPP 1.6 stations that show prices and costs are told them, and no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from edge.domain import view
from edge.domain.decision import Decision
from edge.domain.events import Ticked
from edge.domain.shown_prices import price_text
from protocols.charger.commands import Operation
from protocols.charger.events import BootReported, CommandAnswered, IdTokenPresented, MeterValuesReported
from protocols.charger.operations.transactions import ShowPrice, UnitPrices, UpdateCost
from protocols.charger.operations.variables import GetVariables, VariableName
from protocols.ocpi.tariff import IdleRules, PriceComponent, Tariff, TariffElement, TariffRestrictions, TaxIncluded
from protocols.sync.up import CdrQuarantined
from protocols.terms import ChargingState, ConnectorStatus, EvseRef
from tests.edge.domain.site_kit import START, TIME_TARIFF, Play, component, issued, new_site, number, register, tariff
from tests.edge.domain.station_kit import order, reply

EVERY = timedelta(minutes=5)
KEY = "CustomDisplayCostAndPrice"


def playing(shows: bool | None = None, says: str | None = "true", **changes: Any) -> Play:
    """Station A is told to show costs by the settings (None: not said), and says so itself (None: tells no key)."""
    play = Play(site=new_site(running_cost_every=EVERY, **changes))
    play.site.stations["A"].rules = replace(play.site.stations["A"].rules, shows_costs=shows)
    play.connect()
    if says is not None:
        (asked,) = order(play, "A", GetVariables(names=(VariableName(variable=KEY),))).commands
        row = {"component": "", "variable": KEY, "value": says, "is_readonly": True}
        reply(play, asked, result={"variables": [row], "unknown": []})
    return play


def with_tariff(made: Tariff, **changes: Any) -> Play:
    play = playing(**changes)
    play.site.rules.tariffs["standard"] = made
    return play


def shown(decision: Decision) -> list[Operation]:
    return [asked.operation for asked in decision.commands if isinstance(asked.operation, UpdateCost | ShowPrice)]


def tick(play: Play) -> list[Operation]:
    return shown(play.tell(Ticked()))


def read(play: Play, meter_wh: int) -> None:
    samples = (register(meter_wh, play.now),)
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=samples))


def test_a_station_that_says_so_is_told_at_once_and_then_from_time_to_time() -> None:
    play = playing()
    charger_id = number(play.start())
    expected = UpdateCost(
        charger_transaction_id=charger_id,
        total_cost=Decimal("0.00"),
        at=START,
        meter_wh=1000,
        prices=UnitPrices(kwh=Decimal("0.595")),
    )
    assert tick(play) == [expected]
    play.after(4)
    read(play, 3000)
    assert tick(play) == []
    play.after(1)
    assert tick(play) == [replace(expected, total_cost=Decimal("1.19"), at=play.now, meter_wh=3000)]
    assert tick(play) == []


@pytest.mark.parametrize(
    ("shows", "says", "is_told"),
    [
        (None, None, False),
        (None, "false", False),
        (None, "TRUE", True),
        (None, "1", True),
        (True, None, True),
        (True, "false", True),
        (False, "true", False),
    ],
)
def test_the_settings_say_who_is_told_and_else_the_station(shows: bool | None, says: str | None, is_told: bool) -> None:
    play = playing(shows, says)
    play.start()
    assert bool(tick(play)) is is_told


def test_where_running_costs_are_not_told_nothing_is() -> None:
    play = playing()
    object.__setattr__(play.site.rules, "running_cost_every", None)
    assert shown(play.tell(IdTokenPresented(station_id="A", token_uid="GOOD"))) == []
    charger_id = number(play.start())
    assert tick(play) == []
    play.after(10)
    assert shown(play.stop(charger_id, 2000)) == []


# --- what it reckons on by ---


def test_what_restrictions_make_of_the_price_is_told_when_it_changes_and_is_right_on_the_wall() -> None:
    """0.50 until ten in the morning at Berlin, 0.30 from then on, 0.20 beyond 15 kWh; it begins at nine."""
    made = Tariff(
        id="standard",
        currency="EUR",
        elements=(
            _priced("0.20", TariffRestrictions(min_kwh=Decimal(15))),
            _priced("0.50", TariffRestrictions(start_time="00:00", end_time="10:00")),
            _priced("0.30", None),
        ),
        last_updated=START,
    )
    play = with_tariff(made)
    play.start(meter_wh=1000)
    (first,) = tick(play)
    assert isinstance(first, UpdateCost)
    assert first.prices.kwh == Decimal("0.50")
    play.after(59)
    tick(play)
    play.after(1)
    (cheaper,) = tick(play)  # a minute after the last one, and not EVERY: another price holds
    assert isinstance(cheaper, UpdateCost)
    assert (cheaper.prices.kwh, cheaper.total_cost) == (Decimal("0.30"), Decimal("0.00"))
    play.after(10)
    read(play, 8000)  # 6 kWh of 7 in the hour until ten
    assert _on_the_wall(play) == Decimal("3.30")
    (at_ten_past,) = tick(play)
    assert isinstance(at_ten_past, UpdateCost)
    assert (at_ten_past.total_cost, at_ten_past.meter_wh) == (Decimal("3.30"), 8000)
    play.after(20)
    read(play, 18_000)  # 8 kWh at 0.30, 2 kWh at 0.20
    assert _on_the_wall(play) == Decimal("6.10")
    (last,) = tick(play)
    assert isinstance(last, UpdateCost)
    assert (last.total_cost, last.prices.kwh) == (Decimal("6.10"), Decimal("0.20"))


def _priced(price: str, restrictions: TariffRestrictions | None) -> TariffElement:
    return TariffElement(price_components=(component("ENERGY", price),), restrictions=restrictions)


def _on_the_wall(play: Play) -> Decimal | None:
    status = play.site.evses[EvseRef("A", 1)]
    live = view.evse_live(play.site, status, play.now).cost
    cost = view.evse_view(play.site, status, play.now).cost
    assert cost == live
    return cost


def test_a_vehicle_that_charges_no_more_is_told_at_once_with_what_is_left_of_the_grace() -> None:
    made = tariff(component("ENERGY", "0.50"), component("PARKING_TIME", "6.00", "19"))
    play = with_tariff(replace_idle(made, grace_s=1800))
    play.start()
    (charging,) = tick(play)
    assert isinstance(charging, UpdateCost)
    assert (charging.is_idle, charging.prices.idle_hour, charging.prices.grace_min) == (False, Decimal("7.14"), 30)
    play.after(1)
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
    (idle,) = tick(play)
    assert isinstance(idle, UpdateCost)
    assert (idle.is_idle, idle.prices.grace_min) == (True, 30)
    play.after(10)
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.CHARGING)
    (again,) = tick(play)
    assert isinstance(again, UpdateCost)
    assert (again.is_idle, again.prices.grace_min) == (False, 20)


def replace_idle(made: Tariff, grace_s: int) -> Tariff:
    return Tariff(
        id=made.id, currency=made.currency, elements=made.elements, last_updated=START, idle=IdleRules(grace_s=grace_s)
    )


def test_the_register_is_told_as_the_station_shows_it() -> None:
    """It fell to nothing in between; what it costs goes on."""
    play = playing()
    play.start(meter_wh=1000)
    play.after(10)
    read(play, 3000)
    play.after(10)
    read(play, 500)
    (told,) = tick(play)
    assert isinstance(told, UpdateCost)
    assert told.meter_wh == 500


def test_an_operators_sum_is_completed_for_a_1_6_display_alone() -> None:
    play = playing()
    charger_id = number(play.start())
    wanted = UpdateCost(charger_transaction_id=charger_id, total_cost=Decimal("9.99"))
    (asked,) = order(play, "A", wanted).commands
    assert asked.operation == replace(wanted, at=play.now, meter_wh=1000, prices=UnitPrices(kwh=Decimal("0.595")))
    play.began201()
    wanted = UpdateCost(charger_transaction_id="T1", total_cost=Decimal("9.99"))
    (asked,) = order(play, "B", wanted).commands
    assert asked.operation == wanted


# --- a station that does not take it ---


@pytest.mark.parametrize("status", ["UnknownVendorId: the station does not know this vendorId", "Rejected"])
def test_a_station_that_does_not_take_it_is_not_asked_before_it_boots_anew(status: str) -> None:
    play = playing()
    play.start()
    _answer(play, status)
    play.after(20)
    assert tick(play) == []
    assert shown(play.tell(IdTokenPresented(station_id="A", token_uid="OTHER"))) == []
    play.tell(BootReported(station_id="A", vendor="V", model="M"))
    assert len(tick(play)) == 1


def test_a_station_may_reject_what_is_over() -> None:
    play = playing()
    charger_id = number(play.start())
    (running,) = [each for each in play.tell(Ticked()).commands if isinstance(each.operation, UpdateCost)]
    play.after(1)
    (final,) = [each for each in play.stop(charger_id, 2000).commands if isinstance(each.operation, UpdateCost)]
    reply(play, running, is_accepted=False, detail="Rejected")
    reply(play, final, is_accepted=False, detail="Rejected")
    play.start()
    assert len(tick(play)) == 1


def test_a_station_that_did_not_answer_in_time_is_asked_again() -> None:
    play = playing()
    play.start()
    _answer(play, "Timeout: no answer in 30 s")
    play.after(5)
    assert len(tick(play)) == 1


def _answer(play: Play, detail: str) -> None:
    (asked,) = [each for each in play.tell(Ticked()).commands if isinstance(each.operation, UpdateCost)]
    play.tell(CommandAnswered(station_id="A", command_id=asked.command_id, is_accepted=False, detail=detail))


# --- before and after ---


def test_a_driver_who_may_charge_is_shown_the_price() -> None:
    play = playing()
    told = shown(play.tell(IdTokenPresented(station_id="A", token_uid="GOOD")))
    assert told == [ShowPrice(token_uid="GOOD", text="0.595 EUR/kWh, taxes included")]


def test_who_may_not_charge_or_only_wants_to_stop_is_shown_none() -> None:
    play = playing()
    assert shown(play.tell(IdTokenPresented(station_id="A", token_uid="BLOCKED"))) == []
    play.start(token="GOOD")
    assert shown(play.tell(IdTokenPresented(station_id="A", token_uid="GOOD"))) == []


def test_where_each_evse_has_a_price_of_its_own_none_is_shown_before_it_is_known_which() -> None:
    play = playing()
    status = play.site.evses[EvseRef("A", 2)]
    status.evse = replace(status.evse, tariff_id="time")
    assert shown(play.tell(IdTokenPresented(station_id="A", token_uid="GOOD"))) == []


@pytest.mark.parametrize(
    ("parts", "more", "text"),
    [
        ([component("ENERGY", "0.5")], {}, "0.50 EUR/kWh, taxes included"),
        ([component("ENERGY", "0.5")], {"tariff_alt_text": "cheap"}, "cheap"),
        (
            [component("FLAT", "1"), component("TIME", "3", "19"), component("PARKING_TIME", "6", "19")],
            {"idle": IdleRules(grace_s=601)},
            "3.57 EUR/h charging, 7.14 EUR/h parking after 11 min, 1.00 EUR once, taxes included",
        ),
        ([component("ENERGY", "0.12345", "19")], {"tax_included": TaxIncluded.YES}, "0.1235 EUR/kWh, taxes included"),
        ([component("ENERGY", "0.5")], {"tax_included": TaxIncluded.NOT_APPLICABLE}, "0.50 EUR/kWh"),
        ([], {}, ""),
    ],
)
def test_a_tariff_in_words(parts: list[PriceComponent], more: dict[str, Any], text: str) -> None:
    elements = (TariffElement(price_components=tuple(parts)),)
    made = Tariff(id="t", currency="EUR", elements=elements, last_updated=START, **more)
    assert price_text(made, "Europe/Berlin", START) == text


def test_what_was_billed_is_shown_at_the_end() -> None:
    play = playing()
    charger_id = number(play.start(meter_wh=1000))
    play.after(65)
    told = shown(play.stop(charger_id, 6750))
    cost = issued(play).total_cost.incl_vat
    assert told == [
        UpdateCost(
            charger_transaction_id=charger_id,
            total_cost=cost,
            is_final=True,
            text="3.43 EUR for 5.75 kWh in 1 h 05 min, taxes included",
        )
    ]
    assert cost == Decimal("3.43")
    assert play.site.displays.told == {}


def test_what_ended_while_the_station_was_away_is_not_shown_to_the_next_driver() -> None:
    play = playing()
    charger_id = number(play.start())
    play.after(60)
    ended_at = play.now
    play.after(10)
    assert shown(play.stop(charger_id, 2000, at=ended_at)) == []
    assert issued(play).end_date_time == ended_at


def test_a_bill_that_waits_for_a_person_is_not_shown() -> None:
    play = playing(default_tariff_id="time")
    assert TIME_TARIFF.id == "time"
    charger_id = number(play.start())
    play.after(10)
    assert shown(play.stop(charger_id, 900_000)) == []
    assert len(play.found(CdrQuarantined)) == 1


def test_nothing_is_remembered_of_what_has_ended() -> None:
    play = playing()
    charger_id = number(play.start())
    tick(play)
    assert len(play.site.displays.told) == 1
    play.stop(charger_id, 2000)
    tick(play)
    assert (play.site.displays.told, play.site.cost_told) == ({}, {})
