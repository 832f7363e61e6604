"""A small site for tests of the decisions, and a way to tell it things and look at what came of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from edge.domain.decide import decide
from edge.domain.decision import Decision
from edge.domain.events import SiteEvent
from edge.domain.rules import SiteRules, StationRules
from edge.domain.site import Site
from protocols.charger.abilities import OCPP_16, OCPP_201, Abilities
from protocols.charger.events import (
    Sample,
    StationConnected,
    StatusReported,
    TransactionBegan,
    TransactionContinued,
    TransactionFinished,
)
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.location import Evse, Location
from protocols.ocpi.tariff import (
    PriceComponent,
    ReservationRestrictionType,
    Tariff,
    TariffDimensionType,
    TariffElement,
    TariffRestrictions,
)
from protocols.ocpi.token import Token
from protocols.sync.up import CdrIssued, CdrQuarantined, Entry, MeterValuesSampled
from protocols.terms import ChargingState, ConnectorStatus, Measurand

T = TypeVar("T")
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def component(kind: str, price: str, vat: str | None = None, step: int = 1) -> PriceComponent:
    return PriceComponent(
        type=TariffDimensionType(kind), price=Decimal(price), vat=Decimal(vat) if vat else None, step_size=step
    )


def tariff(*components: PriceComponent, tariff_id: str = "standard") -> Tariff:
    return Tariff(
        id=tariff_id, currency="EUR", elements=(TariffElement(price_components=components),), last_updated=START
    )


def reserving(
    kinds: dict[str, list[PriceComponent]], *components: PriceComponent, tariff_id: str = "reserving"
) -> Tariff:
    """A tariff with elements for reservations before the others."""
    reservations = tuple(
        TariffElement(
            price_components=tuple(parts),
            restrictions=TariffRestrictions(reservation=ReservationRestrictionType(kind)),
        )
        for kind, parts in kinds.items()
    )
    charging = (TariffElement(price_components=components),)
    return Tariff(id=tariff_id, currency="EUR", elements=reservations + charging, last_updated=START)


ENERGY_TARIFF = tariff(component("ENERGY", "0.50", "19"))
TIME_TARIFF = tariff(component("ENERGY", "0.50", "19"), component("TIME", "3.00", "19", 60), tariff_id="time")


def new_site(**changes: Any) -> Site:
    """Two stations: A speaks 1.6 and has two EVSEs of 22 kW, B speaks 2.0.1 and has one of 11 kW."""
    evses = (
        Evse(station_id="A", evse_id=1, label="A1", max_power_w=22_000),
        Evse(station_id="A", evse_id=2, label="A2", max_power_w=22_000),
        Evse(station_id="B", evse_id=1, label="B1", max_power_w=11_000, tariff_id=changes.pop("b_tariff", None)),
    )
    rules = SiteRules(
        edge_id="edge-1",
        location=Location(
            id="L", name="Site", country_code="DE", party_id="OHM", time_zone="Europe/Berlin", evses=evses
        ),
        currency="EUR",
        stations={
            "A": StationRules(station_id="A"),
            "B": StationRules(station_id="B", allowed_groups=changes.pop("b_groups", frozenset())),
        },
        tariffs={"standard": ENERGY_TARIFF, "time": TIME_TARIFF},
        default_tariff_id=changes.pop("default_tariff_id", "standard"),
        **changes,
    )
    site = Site(rules=rules, epoch="0123456789abcdef" * 2)
    for station_id in rules.stations:
        site.station(station_id)
    for evse in evses:
        site.add_evse(evse)
    for uid in ("GOOD", "OTHER"):
        site.tokens.site[uid] = Token(uid=uid, contract_id=f"C-{uid}")
    site.tokens.site["BLOCKED"] = Token(uid="BLOCKED", contract_id="C-B", valid=False)
    site.tokens.site["OLD"] = Token(uid="OLD", contract_id="C-O", expires_at=START - timedelta(days=1))
    site.tokens.site["FLEET1"] = Token(uid="FLEET1", contract_id="C-F", group_id="FLEET")
    site.tokens.site["FLEET2"] = Token(uid="FLEET2", contract_id="C-F", group_id="FLEET")
    return site


@dataclass
class Play:
    """Tells a site things at `now`, which the test moves on."""

    site: Site = field(default_factory=new_site)
    now: datetime = START
    entries: list[Entry] = field(default_factory=list)
    readings: list[MeterValuesSampled] = field(default_factory=list)
    recorded: list[tuple[SiteEvent, datetime]] = field(default_factory=list)

    def tell(self, event: SiteEvent) -> Decision:
        self.recorded.append((event, self.now))
        decision = decide(self.site, event, self.now)
        self.entries += decision.entries
        self.readings += decision.readings
        return decision

    def after(self, minutes: float) -> datetime:
        self.now += timedelta(minutes=minutes)
        return self.now

    def found(self, kind: type[T]) -> list[T]:
        """Of what was journaled, and of the readings that were kept."""
        bodies: list[object] = [entry.body for entry in self.entries]
        return [body for body in (*bodies, *self.readings) if isinstance(body, kind)]

    def connect(self, *stations: str) -> None:
        for station in stations or ("A", "B"):
            abilities: Abilities = OCPP_16 if station == "A" else OCPP_201
            self.tell(StationConnected(station_id=station, abilities=abilities))
            for ref in self.site.refs_of(station):
                self.status(station, ref.evse_id, ConnectorStatus.AVAILABLE)

    def status(
        self, station: str, evse: int, status: ConnectorStatus, state: ChargingState | None = None, **more: Any
    ) -> Decision:
        return self.tell(
            StatusReported(
                station_id=station, evse_id=evse, connector_id=1, status=status, charging_state=state, **more
            )
        )

    def start(self, meter_wh: int | None = 1000, token: str | None = "GOOD", evse: int = 1, **more: Any) -> Decision:
        """OCPP 1.6 StartTransaction at station A."""
        more = {"at": self.now, "connector_id": 1, **more}
        return self.tell(
            TransactionBegan(
                station_id="A",
                evse_id=evse,
                charger_transaction_id=None,
                token_uid=token,
                meter_start_wh=meter_wh,
                **more,
            )
        )

    def stop(self, transaction: str, meter_wh: int | None, token: str | None = None, **more: Any) -> Decision:
        more.setdefault("at", self.now)
        more.setdefault("station_id", "A")
        return self.tell(
            TransactionFinished(charger_transaction_id=transaction, token_uid=token, meter_stop_wh=meter_wh, **more)
        )

    def began201(self, transaction: str = "T1", token: str | None = "GOOD", **more: Any) -> Decision:
        more = {"evse_id": 1, "connector_id": 1, "meter_start_wh": 1000, "at": self.now, **more}
        return self.tell(TransactionBegan(station_id="B", charger_transaction_id=transaction, token_uid=token, **more))

    def updated201(self, transaction: str = "T1", token: str | None = None, **more: Any) -> Decision:
        more = {"evse_id": None, "at": self.now, **more}
        return self.tell(
            TransactionContinued(station_id="B", charger_transaction_id=transaction, token_uid=token, **more)
        )


def register(value_wh: int, at: datetime) -> Sample:
    return Sample(measurand=Measurand.ENERGY_REGISTER, value=value_wh, at=at)


def number(decision: Any) -> str:
    return str(decision.reply.charger_transaction_id)


def issued(play: Play) -> Cdr:
    (found,) = play.found(CdrIssued)
    assert play.found(CdrQuarantined) == []
    return found.cdr


def doubts(play: Play) -> list[str]:
    """Why the one bill is kept back; each begins with the doubt and goes on with the evidence."""
    (found,) = play.found(CdrQuarantined)
    assert play.found(CdrIssued) == []
    return list(found.cdr.quarantine)
