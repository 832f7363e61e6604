"""The worked cases of OCPI 2.2.1 that need no restrictions, and the rules that hold for every tariff."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.pricing.price import price_reservation, price_session
from protocols.money import TAX_BY_LINE_RULE, from_cents, round_cents
from protocols.ocpi.cdr import ChargingPeriod
from protocols.ocpi.tariff import PriceComponent, Tariff
from tests.edge.domain.site_kit import START, component, reserving, tariff

KWH, MIN = 1000, 60


def session(*parts: tuple[str, int]) -> list[ChargingPeriod]:
    """Periods from ("charge", seconds) and ("park", seconds) and ("energy", Wh)."""
    periods = []
    for offset, (kind, amount) in enumerate(parts):
        at = START + timedelta(hours=offset)
        periods.append(
            ChargingPeriod(
                start_date_time=at,
                energy_wh=amount if kind == "energy" else 0,
                time_s=amount if kind == "charge" else 0,
                parking_time_s=amount if kind == "park" else 0,
            )
        )
    return periods


E = component("ENERGY", "0.25", "10")
FLAT = component("FLAT", "0.50", "20")
CASES: list[tuple[str, tuple[PriceComponent, ...], list[tuple[str, int]], str, str]] = [
    ("T08", (E,), [("energy", 20 * KWH)], "5.00", "5.50"),
    ("T09", (FLAT, E), [("energy", 20 * KWH)], "5.50", "6.10"),
    (
        "T10",
        (FLAT, E, component("PARKING_TIME", "2.00", "20", 900)),
        [("energy", 20 * KWH), ("park", 40 * MIN)],
        "7.00",
        "7.90",
    ),
    ("T01", (component("TIME", "2.00", "10", 60),), [("charge", 150 * MIN)], "5.00", "5.50"),
    (
        "T13",
        (component("TIME", "3.00", "10", 60), component("PARKING_TIME", "5.00", "20", 300)),
        [("charge", 150 * MIN), ("park", 42 * MIN)],
        "11.25",
        "12.75",
    ),
    ("T02", (component("TIME", "1.90", "5.2", 300),), [("charge", 150 * MIN)], "4.75", "5.00"),
    ("T05", (component("FLAT", "0.00", None, 0),), [("energy", 7 * KWH), ("charge", 99)], "0.00", "0.00"),
    ("S2", (component("TIME", "6.00", None, 300),), [("charge", 6 * MIN)], "1.00", "1.00"),
]


@pytest.mark.parametrize(("name", "components", "parts", "excl_vat", "incl_vat"), CASES, ids=[c[0] for c in CASES])
def test_worked_cases(
    name: str, components: tuple[PriceComponent, ...], parts: list[tuple[str, int]], excl_vat: str, incl_vat: str
) -> None:
    bill = price_session(tariff(*components), session(*parts))
    assert (bill.total.excl_vat, bill.total.incl_vat) == (Decimal(excl_vat), Decimal(incl_vat)), name


EXPIRES, RESERVED = "RESERVATION_EXPIRES", "RESERVATION"
T15 = reserving({RESERVED: [component("TIME", "5.00", "20", 60)]}, FLAT, E)
T17 = reserving({EXPIRES: [component("FLAT", "4.00", "20")], RESERVED: [component("TIME", "2.00", "20", 600)]}, FLAT, E)
T18 = reserving(
    {EXPIRES: [component("TIME", "6.00", "20", 600)], RESERVED: [component("TIME", "3.00", "20", 600)]}, FLAT, E
)


@pytest.mark.parametrize(
    ("priced", "minutes", "excl_vat", "incl_vat"), [(T15, 15, "6.75", "7.60"), (T17, 22, "6.50", "7.30")]
)
def test_a_reservation_that_was_used_is_billed_with_its_session(
    priced: Tariff, minutes: int, excl_vat: str, incl_vat: str
) -> None:
    """T15 and T17a: stepped by itself, and nothing for expiring."""
    reserved = ChargingPeriod(start_date_time=START, reservation_time_s=minutes * MIN)
    bill = price_session(priced, [reserved, *session(("energy", 20 * KWH))])
    assert (bill.total.excl_vat, bill.total.incl_vat) == (Decimal(excl_vat), Decimal(incl_vat))
    alone = price_session(priced, session(("energy", 20 * KWH))).total
    assert bill.reservation is not None
    assert bill.reservation.excl_vat + alone.excl_vat == bill.total.excl_vat
    assert [line.reservation for line in bill.lines] == [RESERVED, None, None]


@pytest.mark.parametrize(
    ("priced", "minutes", "excl_vat", "incl_vat"), [(T17, 60, "6.00", "7.20"), (T18, 90, "9.00", "10.80")]
)
def test_a_reservation_that_expired_is_billed_alone(priced: Tariff, minutes: int, excl_vat: str, incl_vat: str) -> None:
    """T17b: both elements; T18b: the TIME of the expiry takes the place of the other."""
    reserved = ChargingPeriod(start_date_time=START, reservation_time_s=minutes * MIN)
    bill = price_reservation(priced, [reserved], is_expired=True)
    assert (bill.total.excl_vat, bill.total.incl_vat) == (Decimal(excl_vat), Decimal(incl_vat))
    assert bill.reservation == bill.total


def test_a_tariff_that_says_nothing_of_reservations_bills_none() -> None:
    hour = ChargingPeriod(start_date_time=START, reservation_time_s=3600)
    assert price_reservation(tariff(FLAT, E), [hour], is_expired=True).lines == ()
    reserved = ChargingPeriod(start_date_time=START, reservation_time_s=600)
    charged = session(("energy", 20 * KWH))
    assert price_session(tariff(FLAT, E), [reserved, *charged]).lines == price_session(tariff(FLAT, E), charged).lines


def test_only_the_time_that_was_billable_last_is_stepped() -> None:
    """S3: step 300 for both, 21 min charging and 7 min parked are billed as 21 and 10 min."""
    both = tariff(component("TIME", "1", None, 300), component("PARKING_TIME", "1", None, 300))
    lines = {
        line.type: line.billed_quantity for line in price_session(both, session(("charge", 1260), ("park", 420))).lines
    }
    assert lines == {"TIME": 21 * MIN, "PARKING_TIME": 10 * MIN}


def test_free_parking_at_the_end_leaves_the_step_to_the_charging_time() -> None:
    bill = price_session(tariff(component("TIME", "1", None, 300)), session(("charge", 301), ("park", 60)))
    assert [line.billed_quantity for line in bill.lines] == [600]


def test_a_boundary_needs_no_further_step_and_a_step_of_zero_is_none() -> None:
    for step, billed in ((500, 5500), (0, 5401), (1, 5401)):
        bill = price_session(tariff(component("ENERGY", "1", None, step)), session(("energy", 5401)))
        assert bill.lines[0].billed_quantity == billed
    bill = price_session(tariff(component("ENERGY", "1", None, 500)), session(("energy", 5500)))
    assert bill.lines[0].billed_quantity == 5500


def test_a_dimension_without_a_price_is_free() -> None:
    bill = price_session(tariff(E), session(("charge", 3600), ("park", 3600)))
    assert bill.lines == ()
    assert bill.total.excl_vat == 0


def test_lines_round_half_up() -> None:
    assert [from_cents(round_cents(n, 1000)) for n in (4, 5, 14, 15, -5, -4)] == [
        Decimal(text) for text in ("0.00", "0.01", "0.01", "0.02", "-0.01", "0.00")
    ]


prices = st.decimals(min_value=0, max_value=100, places=5)
vats = st.one_of(st.none(), st.decimals(min_value=0, max_value=30, places=1))
parts_strategy = st.lists(st.tuples(st.sampled_from(["energy", "charge", "park"]), st.integers(0, 200_000)), max_size=8)


@st.composite
def tariffs(draw: st.DrawFn, max_step: int = 2000) -> object:
    kinds = draw(st.lists(st.sampled_from(["FLAT", "ENERGY", "TIME", "PARKING_TIME"]), unique=True, min_size=1))
    return tariff(*(component(k, str(draw(prices)), None, draw(st.integers(0, max_step))) for k in kinds))


@given(tariffs(), parts_strategy)
def test_the_total_is_the_sum_of_its_lines(any_tariff: object, parts: list[tuple[str, int]]) -> None:
    bill = price_session(any_tariff, session(*parts))  # type: ignore[arg-type]
    assert bill.total.excl_vat == sum(line.cost.excl_vat for line in bill.lines)
    assert all(line.cost.excl_vat == round(line.cost.excl_vat, 2) for line in bill.lines)
    assert all(line.billed_quantity >= line.quantity for line in bill.lines)


@given(tariffs(max_step=1), parts_strategy, st.integers(0, 7), st.integers(0, 100))
def test_splitting_a_session_changes_nothing(
    any_tariff: object, parts: list[tuple[str, int]], where: int, percent: int
) -> None:
    split = list(parts)
    if where < len(parts):
        kind, amount = parts[where]
        first = amount * percent // 100
        split[where : where + 1] = [(kind, first), (kind, amount - first)]
    whole = price_session(any_tariff, session(*parts)).total  # type: ignore[arg-type]
    assert price_session(any_tariff, session(*split)).total == whole  # type: ignore[arg-type]


@given(prices, vats, st.integers(0, 10**7), st.integers(0, 10**6))
def test_more_energy_never_costs_less(price: Decimal, vat: Decimal | None, energy_wh: int, more_wh: int) -> None:
    one = tariff(component("ENERGY", str(price), str(vat) if vat is not None else None, 100))
    less = price_session(one, session(("energy", energy_wh))).total
    assert price_session(one, session(("energy", energy_wh + more_wh))).total.incl_vat >= less.incl_vat


def exact_line(component: PriceComponent, billed: int) -> tuple[Decimal, Decimal]:
    """The rule in fractions, as it is written down: slow, and plainly right."""
    units = {"FLAT": 1, "ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600}[component.type]
    excl_vat = half_up(Fraction(component.price) * billed / units)
    return excl_vat, half_up(Fraction(excl_vat) * (1 + Fraction(component.vat or 0) / 100))


def half_up(amount: Fraction) -> Decimal:
    cents = int(abs(amount) * 100 + Fraction(1, 2))
    return Decimal(cents if amount >= 0 else -cents).scaleb(-2)


@st.composite
def any_components(draw: st.DrawFn) -> tuple[PriceComponent, ...]:
    """In any order, also twice; negative prices are discounts."""
    kinds = draw(st.lists(st.sampled_from(["FLAT", "ENERGY", "TIME", "PARKING_TIME"]), max_size=6))
    amounts = st.decimals(min_value=-1000, max_value=100_000, places=5)
    return tuple(
        PriceComponent(
            type=component(kind, "0").type,
            price=draw(amounts),
            vat=draw(vats),
            step_size=draw(st.integers(0, 2000)),
        )
        for kind in kinds
    )


@given(any_components(), parts_strategy)
def test_integers_price_as_fractions_do(components: tuple[PriceComponent, ...], parts: list[tuple[str, int]]) -> None:
    bill = price_session(tariff(*components), session(*parts), rounding_rule=TAX_BY_LINE_RULE)
    first = {c.type: c for c in reversed(components)}
    for line in bill.lines:
        excl_vat, incl_vat = exact_line(first[line.type], line.billed_quantity)
        assert (str(line.cost.excl_vat), str(line.cost.incl_vat)) == (str(excl_vat), str(incl_vat))
        assert (line.price, line.vat) == (first[line.type].price, first[line.type].vat)
    assert [line.type for line in bill.lines] == [
        kind
        for kind, quantity in (
            ("FLAT", 1),
            ("ENERGY", sum(amount for what, amount in parts if what == "energy")),
            ("TIME", sum(amount for what, amount in parts if what == "charge")),
            ("PARKING_TIME", sum(amount for what, amount in parts if what == "park")),
        )
        if kind in first and quantity
    ]
    total = [
        sum((getattr(line.cost, side) for line in bill.lines), Decimal("0.00")) for side in ("excl_vat", "incl_vat")
    ]
    assert [str(bill.total.excl_vat), str(bill.total.incl_vat)] == [str(amount) for amount in total]


@given(any_components(), parts_strategy)
def test_taxes_are_rounded_once_and_shared_among_the_lines(
    components: tuple[PriceComponent, ...], parts: list[tuple[str, int]]
) -> None:
    by_line = price_session(tariff(*components), session(*parts), rounding_rule=TAX_BY_LINE_RULE)
    bill = price_session(tariff(*components), session(*parts))
    assert bill.total.excl_vat == by_line.total.excl_vat
    exact = sum((Fraction(line.cost.excl_vat) * (1 + Fraction(line.vat or 0) / 100) for line in bill.lines), Fraction())
    assert bill.total.incl_vat == half_up(exact)
    assert bill.total.incl_vat == sum(line.cost.incl_vat for line in bill.lines)
    for line, alone in zip(bill.lines, by_line.lines, strict=True):
        assert abs(line.cost.incl_vat - alone.cost.incl_vat) <= Decimal("0.01")
        assert line.vat is not None or line.cost.incl_vat == line.cost.excl_vat
