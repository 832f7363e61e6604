"""Who comes when: the sessions of a scenario, those written down and those drawn from its seed."""

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
    evses = {(station.station_id, evse.evse_id): evse for station in stations for evse in station.evses}
    planned = [(session, ends_s(session, evses[session.station_id, session.evse_id])) for session in sessions]
    if traffic is not None:
        rng = random.Random(seed)
        for _ in range(traffic.sessions):
            drawn = _draw(rng, traffic, evses, planned)
            if drawn is not None:
                planned.append(drawn)
    return tuple(sorted((each for each, _ in planned), key=lambda each: (each.at_s, each.station_id, each.evse_id)))


def _draw(
    rng: random.Random,
    traffic: Traffic,
    evses: dict[tuple[str, int], EvseSpec],
    planned: list[tuple[Session, int]],
) -> tuple[Session, int] | None:
    """One more session and its end, its EVSE and card free all the while; None when there is no room left."""
    places = list(evses)
    for _ in range(_DRAWS):
        station_id, evse_id = rng.choice(places)
        session = Session(
            at_s=rng.randrange(traffic.from_s, max(traffic.from_s + 1, traffic.to_s)),
            station_id=station_id,
            evse_id=evse_id,
            id_token=rng.choice(traffic.id_tokens),
            vehicle=_arriving(rng, rng.choice(traffic.vehicles)),
            parked_s=rng.choice((0, 120, 300, 900, 2400)),
            leaves=rng.choice(tuple(Leaves)),
            card_first=rng.random() < 0.3,
        )
        evse = evses[station_id, evse_id]
        if session.vehicle.power_w(offered_w=evse.max_power_w, phases=evse.phases) == 0:
            continue
        end_s = ends_s(session, evse)
        if end_s <= traffic.to_s and not any(_collide(session, end_s, *other) for other in planned):
            return session, end_s
    return None


def _arriving(rng: random.Random, kind: Vehicle) -> Vehicle:
    full_uj = kind.battery_wh * 3_600_000_000
    soc_percent = rng.randrange(15, 70)
    target_percent = min(100, soc_percent + rng.randrange(15, 60))
    return replace(kind, energy_uj=full_uj * soc_percent // 100, target_uj=full_uj * target_percent // 100)


def ends_s(session: Session, evse: EvseSpec) -> int:
    """About when the EVSE is free again, seconds after the scenario's beginning."""
    return session.at_s + charging_s(session.vehicle, evse) + session.parked_s + _MARGIN_S


def _collide(session: Session, end_s: int, other: Session, other_end_s: int) -> bool:
    same_place = (session.station_id, session.evse_id) == (other.station_id, other.evse_id)
    is_rival = same_place or session.id_token == other.id_token
    return is_rival and session.at_s < other_end_s and other.at_s < end_s
