"""Which OCPP 1.6 stations show a driver prices and costs, and what they were told of them.

They say so by the configuration key of the OCA's application note "OCPP & California Pricing Requirements"; the
settings may say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from edge.domain.station import Station
from protocols.charger.events import CommandAnswered
from protocols.charger.operations.transactions import UnitPrices
from protocols.sync.upkeep import VariableReading

KEY: Final = "CustomDisplayCostAndPrice"
_YES: Final = frozenset({"true", "1"})
"""Some firmware writes its booleans as numbers."""
_REFUSALS: Final = frozenset({"unknownvendorid", "unknownmessageid", "rejected", "notimplemented", "notsupported"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """By what a station reckons on by itself, until it is told anew."""

    prices: UnitPrices
    is_idle: bool


@dataclass(slots=True, kw_only=True)
class CostDisplays:
    """`announced`: stations that told that they can. `refused`: those that did not take it, since they booted last.
    `told`: by transaction."""

    announced: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    told: dict[str, Shown] = field(default_factory=dict)

    def learn(self, station_id: str, readings: Iterable[VariableReading]) -> None:
        """The station tells its variables, among them whether it shows costs."""
        for each in readings:
            if each.variable == KEY and not each.component:
                can_show = each.value is not None and each.value.strip().lower() in _YES
                (self.announced.add if can_show else self.announced.discard)(station_id)

    def has(self, station: Station) -> bool:
        """Whether an OCPP 1.6 station is to be told."""
        station_id = station.station_id
        if station.abilities is None or station.abilities.ocpp_version != "1.6" or station_id in self.refused:
            return False
        chosen = station.rules.shows_costs
        return station_id in self.announced if chosen is None else chosen

    def note_answer(self, station_id: str, answer: CommandAnswered, *, is_over: bool) -> None:
        """A station that cannot do it is not asked again before it has booted. `is_over`: what it was told is of a
        transaction that has ended, which it may well reject."""
        word = answer.detail.partition(":")[0].strip().lower()
        if not answer.is_accepted and word in _REFUSALS and not (is_over and word == "rejected"):
            self.refused.add(station_id)
