"""Somebody keeps an outlet of a random money journey: and comes, cancels, or does not come."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from edge.domain.events import Ticked
from protocols.charger.events import CommandAnswered
from protocols.charger.operations.availability import CancelReservation, ReserveNow
from protocols.sync.down import Command, Operate
from protocols.sync.up import CdrIssued, CdrQuarantined
from protocols.sync.upkeep import ReservationEnd, ReservationEnded, ReservationMade
from tests.journeys.money_outlets import Outlet
from tests.journeys.money_world import World

BILLED = (ReservationEnd.EXPIRED, ReservationEnd.CANCELLED)


async def reserve(world: World, outlet: Outlet, token_uid: str, random: Random) -> None:
    """Where the site and the station let somebody; whoever does not come is billed by the clock."""
    expires_at = world.now + timedelta(minutes=random.randint(5, 180))
    wish = ReserveNow(token_uid=token_uid, expires_at=expires_at, evse_id=outlet.evse_id)
    await _order(world, outlet.station_id, wish, is_taken=random.random() < 0.9)
    world.now += timedelta(minutes=random.randint(0, 60))
    await world.tell(Ticked())
    match random.randint(0, 3):
        case 0:
            for number in list(world.site.reservations.of(outlet.station_id)):
                await _order(world, outlet.station_id, CancelReservation(reservation_id=number), is_taken=True)
        case 1:
            await outlet.end()
            await outlet.begin(token_uid)
        case _:
            pass


async def _order(world: World, station_id: str, wish: ReserveNow | CancelReservation, *, is_taken: bool) -> None:
    world.ordered += 1
    body = Operate(station_id=station_id, operation=wish)
    until = world.now + timedelta(minutes=5)
    await world.tell(Command(id=f"r{world.ordered}", issued_at=world.now, expires_at=until, body=body))
    while world.to_answer:
        asked = world.to_answer.pop()
        await world.tell(
            CommandAnswered(station_id=asked.station_id, command_id=asked.command_id, is_accepted=is_taken, detail="")
        )


async def let_expire(world: World) -> None:
    """Until nobody can come any more."""
    for _ in range(5):
        if world.site.reservations.all():
            world.now += timedelta(hours=1)
            await world.tell(Ticked())
    assert not world.site.reservations.all()


def sessions_reserved(world: World) -> set[str]:
    """What was reserved, held against the bills: each ended once, and only who cancelled or stayed away pays."""
    bodies = [entry.body for entry in world.entries]
    made = [each.session_id for each in bodies if isinstance(each, ReservationMade)]
    ended = {each.session_id: each.reason for each in bodies if isinstance(each, ReservationEnded)}
    assert len(set(made)) == len(made)
    assert ended.keys() == set(made)
    assert len([each for each in bodies if isinstance(each, ReservationEnded)]) == len(made)
    cdrs = [each.cdr for each in bodies if isinstance(each, CdrIssued | CdrQuarantined)]
    billed = [cdr.session_id for cdr in cdrs if cdr.session_id in ended and not cdr.credit and cdr.replaces is None]
    assert len(set(billed)) == len(billed)
    assert all(ended[each] in BILLED for each in billed)
    return set(made)
