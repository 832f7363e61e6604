"""What prices cost: a bill of a day in quarters of an hour, and a thousand running sessions every second."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from edge.domain.pricing.price import price_session
from edge.domain.running_cost import running_cost
from edge.domain.transaction import Transaction
from protocols.ocpi.cdr import ChargingPeriod
from protocols.ocpi.tariff_document import read_tariff
from protocols.terms import ChargingState
from tests.bench import machine
from tests.bench.result import Result

_ZONE: Final = "Europe/Berlin"
_START: Final = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
_QUARTER: Final = timedelta(minutes=15)
_BANDS: Final = [("22:00", "06:00", "0.29"), ("06:00", "17:00", "0.45"), ("17:00", "22:00", "0.59")]
TARIFF: Final[dict[str, Any]] = {
    "id": "bands",
    "currency": "EUR",
    "last_updated": "2026-01-01T00:00:00Z",
    "elements": [
        {"price_components": [{"type": "FLAT", "price": "0.50", "vat": 19, "step_size": 1}]},
        *(
            {
                "price_components": [{"type": "ENERGY", "price": price, "vat": 19, "step_size": 1}],
                "restrictions": {"start_time": opens, "end_time": closes},
            }
            for opens, closes, price in _BANDS
        ),
        {
            "price_components": [{"type": "TIME", "price": "1.20", "vat": 19, "step_size": 60}],
            "restrictions": {"min_duration": 14_400},
        },
    ],
}
_BASELINE: Final = "the same rules period by period in Decimals, as one writes them down: strings compared, no cuts"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSizes:
    bills: int = 300
    sessions: int = 1_000
    rounds: int = 7


def price_cdr_96_periods(sizes: PriceSizes) -> Result:
    """A day at one EVSE, in 96 periods that lie within the bands."""
    tariff = read_tariff(TARIFF)
    periods = [ChargingPeriod(start_date_time=_START + n * _QUARTER, energy_wh=1000 + n, time_s=900) for n in range(96)]
    told = price_session(tariff, periods, _ZONE).total.incl_vat
    if told != plain_total(TARIFF, periods, _ZONE):
        raise RuntimeError("the engine and the baseline do not agree on the bill")
    value_us, baseline_us, ratio = _in_turn(
        lambda: price_session(tariff, periods, _ZONE),
        lambda: plain_total(TARIFF, periods, _ZONE),
        sizes.bills,
        sizes.rounds,
    )
    return Result(
        name="price_cdr_96_periods",
        value=value_us,
        unit="µs a bill",
        baseline=_BASELINE,
        baseline_value=baseline_us,
        ratio=ratio,
        is_better="lower",
        details={"total_after_taxes": str(told)},
        conditions=machine.describe() | {"load": f"{sizes.bills} bills, {sizes.rounds} rounds in turn"},
    )


def running_cost_1000(sizes: PriceSizes) -> Result:
    """What a thousand sessions cost so far, each once a second: the share of a core that it takes."""
    tariff = read_tariff(TARIFF)
    transactions = [_running(number, tariff) for number in range(sizes.sessions)]
    now = _START + timedelta(hours=12, minutes=20)

    def tell() -> None:
        for transaction in transactions:
            running_cost(transaction, now)

    def tell_plainly() -> None:
        for transaction in transactions:
            plain_total(TARIFF, transaction.charging_periods(now), _ZONE)

    value_us, baseline_us, ratio = _in_turn(tell, tell_plainly, 1, sizes.rounds)
    scale = 1_000 / sizes.sessions
    return Result(
        name="running_cost_1000",
        value=value_us * scale / 1e4,
        unit="% of a core for 1,000 sessions at 1 Hz",
        baseline=_BASELINE,
        baseline_value=baseline_us * scale / 1e4,
        ratio=ratio,
        is_better="lower",
        details={"us_per_session": value_us / sizes.sessions},
        conditions=machine.describe() | {"load": f"{sizes.sessions} sessions across three bands"},
    )


def _running(number: int, tariff: Any) -> Transaction:
    """One that began between 11:00 and 17:40 local time, and was read each quarter of an hour."""
    start = _START + timedelta(hours=5, seconds=24 * (number % 1_000))
    transaction = Transaction(
        transaction_id=f"t{number}",
        charger_transaction_id=str(number),
        station_id=f"S{number}",
        evse_id=1,
        connector_id=1,
        start_key=str(number),
        token_uid="T",
        contract_id="C",
        group_id=None,
        started_at=start,
        meter_start_wh=0,
        tariff=tariff,
        time_zone=_ZONE,
    )
    transaction.enter(ChargingState.CHARGING, start)
    at, wh = start, 0
    while at + _QUARTER < _START + timedelta(hours=12):
        at, wh = at + _QUARTER, wh + 1500
        transaction.read(wh, at)
    return transaction


def _in_turn(
    ours: Callable[[], object], plain: Callable[[], object], times: int, rounds: int
) -> tuple[float, float, float]:
    """The medians of CPU time in µs, of one call each, and of the ratios of the rounds."""
    pairs = [(_cpu_us(ours, times), _cpu_us(plain, times)) for _ in range(rounds)]
    values, baselines = zip(*pairs, strict=True)
    ratio = statistics.median(value / baseline for value, baseline in pairs)
    return statistics.median(values), statistics.median(baselines), ratio


def _cpu_us(call: Callable[[], object], times: int) -> float:
    begun = time.process_time()
    for _ in range(times):
        call()
    return 1e6 * (time.process_time() - begun) / times


# --- the baseline ---


def plain_total(tariff: dict[str, Any], periods: Any, zone: str) -> Decimal:
    """After taxes. Each period is judged by its start alone."""
    used: dict[tuple[int, str], Decimal] = {}
    seconds, kwh = 0, Decimal(0)
    for period in periods:
        local = period.start_date_time.astimezone(ZoneInfo(zone))
        amounts = {
            "FLAT": Decimal(1),
            "ENERGY": Decimal(period.energy_wh) / 1000,
            "TIME": Decimal(period.time_s) / 3600,
            "PARKING_TIME": Decimal(period.parking_time_s) / 3600,
        }
        for kind, amount in amounts.items():
            for number, element in enumerate(tariff["elements"]):
                if any(each["type"] == kind for each in element["price_components"]) and _applies(
                    element.get("restrictions") or {}, local, seconds, kwh
                ):
                    used[number, kind] = amount if kind == "FLAT" else used.get((number, kind), Decimal(0)) + amount
                    break
        seconds += period.time_s + period.parking_time_s
        kwh += Decimal(period.energy_wh) / 1000
    total = Decimal(0)
    for (number, kind), amount in used.items():
        component = next(each for each in tariff["elements"][number]["price_components"] if each["type"] == kind)
        line = (amount * Decimal(component["price"])).quantize(Decimal("0.01"), ROUND_HALF_UP)
        total += line * (1 + Decimal(component["vat"]) / 100)
    return total.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _applies(told: dict[str, Any], local: datetime, seconds: int, kwh: Decimal) -> bool:
    clock = local.strftime("%H:%M")
    opens, closes = told.get("start_time", "00:00"), told.get("end_time", "24:00")
    if not (opens <= clock < closes if opens < closes else clock >= opens or clock < closes):
        return False
    if "min_duration" in told and seconds < told["min_duration"]:
        return False
    return not ("min_kwh" in told and kwh < Decimal(told["min_kwh"]))
