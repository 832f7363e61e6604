"""Who comes when: the sessions of a scenario, those written down and those drawn from its seed. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import StrEnum

from firmware_sim.settings import EvseSpec, StationSpec
from firmware_sim.vehicle import Vehicle

_STEP_S = 60
_MARGIN_S = 600
"""Between two drivers at one EVSE the plan leaves ten minutes: networks and computers are not in it."""
_DRAWS = 200
"""How often an arrival is drawn anew when no EVSE or no card is free then."""


class Leaves(StrEnum):
    """How a driver ends the session."""

    CARD = "card"
    UNPLUG = "unplug"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A driver's visit: arrives `at_s` after the scenario's beginning, charges, stays parked for `parked_s`, leaves."""

    at_s: int
    station_id: str
    evse_id: int
    id_token: str
    vehicle: Vehicle
    parked_s: int = 300
    leaves: Leaves = Leaves.CARD
    card_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """`sessions` arrivals drawn between `from_s` and `to_s`, with these cards and vehicles."""

    sessions: int
    from_s: int
    to_s: int
    id_tokens: tuple[str, ...]
    vehicles: tuple[Vehicle, ...]


def charging_s(vehicle: Vehicle, evse: EvseSpec) -> int:
    """About how long the vehicle charges at this EVSE, to the minute above."""
    passed_s = 0
    while (power_w := vehicle.power_w(offered_w=evse.max_power_w, phases=evse.phases)) > 0:
        vehicle = vehicle.charged(power_w * _STEP_S * 1_000_000)
        passed_s += _STEP_S
    return passed_s


def with_traffic(
    sessions: tuple[Session, ...], traffic: Traffic | None, stations: tuple[StationSpec, ...], seed: int
) -> tuple[Session, ...]:
    """The sessions with those of the traffic between them, in order of arrival; the same seed gives the same plan."""
    planned = list(sessions)
    if traffic is not None:
        rng = random.Random(seed)
        for _ in range(traffic.sessions):
            drawn = _draw(rng, traffic, stations, planned)
            if drawn is not None:
                planned.append(drawn)
    return tuple(sorted(planned, key=lambda each: (each.at_s, each.station_id, each.evse_id)))


def _draw(
    rng: random.Random, traffic: Traffic, stations: tuple[StationSpec, ...], planned: list[Session]
) -> Session | None:
    """One more session whose EVSE and card are free all the while; None when there is no room left."""
    places = [(station, evse) for station in stations for evse in station.evses]
    specs = {(station.station_id, evse.evse_id): evse for station, evse in places}
    for _ in range(_DRAWS):
        station, evse = rng.choice(places)
        vehicle = _arriving(rng, rng.choice(traffic.vehicles))
        session = Session(
            at_s=rng.randrange(traffic.from_s, max(traffic.from_s + 1, traffic.to_s)),
            station_id=station.station_id,
            evse_id=evse.evse_id,
            id_token=rng.choice(traffic.id_tokens),
            vehicle=vehicle,
            parked_s=rng.choice((0, 120, 300, 900, 2400)),
            leaves=rng.choice(tuple(Leaves)),
            card_first=rng.random() < 0.3,
        )
        if vehicle.power_w(offered_w=evse.max_power_w, phases=evse.phases) == 0:
            continue
        end_s = ends_s(session, evse)
        if end_s > traffic.to_s:
            continue
        if not any(_collide(session, end_s, other, specs) for other in planned):
            return session
    return None


def _arriving(rng: random.Random, kind: Vehicle) -> Vehicle:
    full_uj = kind.battery_wh * 3_600_000_000
    soc_percent = rng.randrange(15, 70)
    target_percent = min(100, soc_percent + rng.randrange(15, 60))
    return replace(kind, energy_uj=full_uj * soc_percent // 100, target_uj=full_uj * target_percent // 100)


def ends_s(session: Session, evse: EvseSpec) -> int:
    """About when the EVSE is free again, seconds after the scenario's beginning."""
    return session.at_s + charging_s(session.vehicle, evse) + session.parked_s + _MARGIN_S


def _collide(session: Session, end_s: int, other: Session, specs: dict[tuple[str, int], EvseSpec]) -> bool:
    same_place = (session.station_id, session.evse_id) == (other.station_id, other.evse_id)
    if not same_place and session.id_token != other.id_token:
        return False
    other_end_s = ends_s(other, specs[other.station_id, other.evse_id])
    return session.at_s < other_end_s and other.at_s < end_s
