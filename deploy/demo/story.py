"""The day told in lines, as it happens: what the chargers say, and what the edge's ledger and the hub hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from firmware_sim.messages import Note
from protocols.ocpi.cdr import Cdr, PriceLine
from protocols.ocpi.tariff import TariffDimensionType

TOLD_IN_FULL: Final = 8
"""Bills that are shown with their price lines; the others get one line each."""

_SAID: Final[Mapping[str, str]] = {
    "booted": "booted",
    "authorized": "driver authorised, card {id_token}",
    "refused": "driver turned away, card {id_token}: {status}",
    "transaction_started": "transaction started at {meter_start_wh} Wh",
    "transaction_ended": "transaction ended after {energy_wh} Wh ({reason})",
    "power_cut": "POWER FAILURE in the middle of a session",
    "link_lost": "lost its link to the edge; charging goes on",
    "queued": "keeps a message until the edge can be reached again",
    "replayed": "delivers what it kept",
}


class Story:
    """Prints; counts what it has told."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self.counts: Counter[str] = Counter()
        self.told: set[str] = set()
        """The bills that were told."""

    def say(self, text: str) -> None:
        print(text, flush=True)

    def time(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%H:%M}"

    def headline(self, at: datetime, text: str) -> None:
        self.say(f"\n{self.time(at)}  === {text}")

    def line(self, at: datetime, where: str, text: str) -> None:
        self.say(f"{self.time(at)}  {where:<7} {text}")

    def note(self, station_id: str, note: Note) -> None:
        """What a simulated station has done."""
        self.counts[note.what] += 1
        if (said := _SAID.get(note.what)) is not None:
            where = f"{station_id}*{note.evse_id}" if note.evse_id else station_id
            self.line(note.at, where, said.format_map(_Lenient(note.detail)))

    def bill(self, cdr: Cdr, *, is_at_hub: bool) -> None:
        """A bill of the edge, with its price lines as long as there are few."""
        place = "and at the hub" if is_at_hub else "at the edge, the hub does not know it yet"
        total = f"{cdr.total_cost.incl_vat} {cdr.currency} incl. VAT"
        self.say(f"{self.time(cdr.end_date_time)}  {cdr.station_id}*{cdr.evse_id}  BILL {cdr.id}: {total}, {place}")
        self.counts["bill"] += 1
        if self.counts["bill"] <= TOLD_IN_FULL:
            for line in cdr.lines:
                self.say(f"                 {_line(line, cdr.currency)}")


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "-"


def _line(line: PriceLine, currency: str) -> str:
    match line.type:
        case TariffDimensionType.ENERGY:
            quantity, unit = f"{line.billed_quantity / 1000:.3f} kWh", "kWh"
        case TariffDimensionType.FLAT:
            quantity, unit = "1", "session"
        case TariffDimensionType.TIME | TariffDimensionType.PARKING_TIME:
            quantity, unit = f"{line.billed_quantity / 60:.1f} min", "h"
    vat = f" + {line.vat} % VAT" if line.vat is not None else ""
    sums = f"{line.cost.excl_vat} -> {line.cost.incl_vat} {currency}"
    return f"{line.type:<12} {quantity:>11} x {line.price} {currency}/{unit}{vat} = {sums}"
