"""Who may ask what: staff sign in per connection, guessing is slow and told, and nobody is forgotten in the table."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest

from edge.domain.staff_events import Listed, PinAccepted, PinRefused, StaffListed
from edge.local.doorkeeper import FREE_TRIES, MAX_STRANGERS, TOO_BUSY, Doorkeeper, Seat
from edge.local.permits import NEEDS
from edge.local.staff_file import StaffMember, hash_pin, is_pin, pin_problem, read_staff, write_staff
from protocols.errors import BadText
from protocols.site.requests import BlockToken, GetStatus, ImportTokens, Request, Watch
from protocols.site.staff import OPERATOR, Role
from protocols.site.staff_requests import SignIn, SignOut, WhoAmI
from tests.edge.local.parts import FakeInbox, hear, local_site

ANNA, BEN, TINA = "5832", "9174", "6620"


@pytest.fixture
def staff(tmp_path: Path) -> Path:
    path = tmp_path / "staff.toml"
    people = (("anna", Role.CASHIER, ANNA), ("ben", Role.SUPERVISOR, BEN), ("tina", Role.TECHNICIAN, TINA))
    write_staff(path, [StaffMember(staff_id=i, name=f"{i} 王", role=r, pin_hash=hash_pin(pin)) for i, r, pin in people])
    return path


@dataclass
class World:
    keeper: Doorkeeper
    inbox: FakeInbox
    now_s: float = 0.0
    seat: Seat = field(default_factory=Seat)

    async def sign_in(self, staff_id: str, pin: str) -> str | None:
        return (await self.keeper.answer(SignIn(id="1", staff_id=staff_id, pin=pin), self.seat)).problem


@pytest.fixture
def world(staff: Path) -> World:
    inbox = FakeInbox()
    made = World(Doorkeeper(staff, inbox, lambda: made.now_s), inbox)
    return made


def test_every_request_says_whom_it_takes() -> None:
    assert set(NEEDS) == set(get_args(Request))


def test_the_file_is_ours_alone_and_says_what_was_written(staff: Path) -> None:
    assert staff.stat().st_mode & 0o777 == 0o600
    people = read_staff(staff)
    assert (people["anna"].name, people["anna"].role) == ("anna 王", Role.CASHIER)
    assert is_pin(ANNA, people["anna"].pin_hash)
    assert not is_pin(BEN, people["anna"].pin_hash)
    assert ANNA not in staff.read_text()
    staff.chmod(0o640)
    with pytest.raises(BadText, match="chmod 600"):
        read_staff(staff)


@pytest.mark.parametrize("pin", ["123", "0000", "3456", "9876", "x" * 65, "12\n4"])
def test_a_pin_that_anybody_would_try_is_none(pin: str) -> None:
    assert pin_problem(pin) is not None


@pytest.mark.parametrize("pin_hash", ["", "scrypt$x$8$1$AAAA$AAAA", "scrypt$16384$8$1$!$AAAA", "md5$1$8$1$AA==$AA=="])
def test_a_hash_that_is_none_lets_nobody_in(pin_hash: str) -> None:
    assert not is_pin("4711", pin_hash)


async def test_without_staff_whoever_has_the_token_is_the_operator(tmp_path: Path) -> None:
    keeper = Doorkeeper(tmp_path / "none", FakeInbox())
    assert keeper.actor(Seat()) is OPERATOR
    assert keeper.refusal(ImportTokens(id="1", tokens=()), Seat()) is None
    answer = await keeper.answer(SignIn(id="1", staff_id="anna", pin=ANNA), Seat())
    assert "has no staff" in (answer.problem or "")


async def test_with_staff_an_act_needs_somebody_who_may(world: World) -> None:
    ask: Any = BlockToken(id="1", uid="X")
    assert "sign in first" in (world.keeper.refusal(ask, world.seat) or "")
    assert world.keeper.refusal(GetStatus(id="1"), world.seat) is None
    assert world.keeper.refusal(Watch(id="1"), world.seat) is None
    assert await world.sign_in("tina", TINA) is None
    assert "tina is a technician and may not serve customers" in (world.keeper.refusal(ask, world.seat) or "")
    assert await world.sign_in("anna", ANNA) is None
    assert world.keeper.refusal(ask, world.seat) is None
    assert (await world.keeper.answer(WhoAmI(id="1"), world.seat)).result["staff_id"] == "anna"
    await world.keeper.answer(SignOut(id="1"), world.seat)
    assert world.keeper.refusal(ask, world.seat) is not None


async def test_who_fails_to_sign_in_is_not_who_sat_there_before(world: World) -> None:
    await world.sign_in("ben", BEN)
    assert await world.sign_in("anna", "0815") is not None
    assert world.keeper.actor(world.seat) is None


async def test_who_is_taken_off_the_list_may_nothing_from_then_on(world: World, staff: Path) -> None:
    await world.sign_in("anna", ANNA)
    people = read_staff(staff)
    write_staff(staff, [each for each in people.values() if each.staff_id != "anna"])
    assert world.keeper.actor(world.seat) is None
    staff.chmod(0o644)
    assert world.keeper.actor(world.seat) is None
    assert "chmod 600" in (world.keeper.refusal(BlockToken(id="1", uid="X"), world.seat) or "")


async def test_guessing_is_slow_and_told(world: World) -> None:
    """Attack 4, at the till."""
    for _ in range(FREE_TRIES + 1):
        assert "wrong PIN" in (await world.sign_in("anna", "0815") or "")
    assert "too many wrong PINs: try again in 6 s" in (await world.sign_in("anna", ANNA) or "")
    world.now_s += 5.1
    assert await world.sign_in("anna", "0815") is not None
    world.now_s += 5.1
    assert "too many" in (await world.sign_in("anna", ANNA) or "")
    world.now_s += 5.1
    assert await world.sign_in("anna", ANNA) is None
    told = [event for event in world.inbox.events if isinstance(event, PinRefused)]
    assert [(event.staff_id, event.wrong, event.wait_s) for event in told] == [
        ("anna", 1, 0),
        ("anna", 2, 0),
        ("anna", 3, 5),
        ("anna", 4, 10),
    ]
    assert await world.sign_in("ben", BEN) is None


async def test_a_restart_gives_nobody_new_tries(staff: Path) -> None:
    inbox = FakeInbox()
    now_s = [0.0]
    again = World(Doorkeeper(staff, inbox, lambda: now_s[0], remembered={"anna": (4, 7.0)}), inbox)
    assert "too many wrong PINs: try again in 8 s" in (await again.sign_in("anna", ANNA) or "")
    now_s[0] += 7.1
    assert "try again in 20 s" in (await again.sign_in("anna", "0815") or "")
    now_s[0] += 20.1
    assert await again.sign_in("anna", ANNA) is None
    assert inbox.events[-1] == PinAccepted(staff_id="anna", wrong=5)
    assert await again.sign_in("ben", BEN) is None


async def test_what_cannot_be_made_durable_is_not_answered(world: World) -> None:
    assert await world.sign_in("anna", "0815") is not None
    world.inbox.is_overloaded = True
    assert await world.sign_in("anna", "0815") == TOO_BUSY
    assert await world.sign_in("anna", ANNA) == TOO_BUSY
    assert world.keeper.actor(world.seat) is None
    world.inbox.is_overloaded = False
    assert await world.sign_in("anna", ANNA) is None


async def test_the_list_is_told_before_anybody_signs_in_by_it(world: World, staff: Path) -> None:
    assert await world.sign_in("anna", ANNA) is None
    (told,) = [event for event in world.inbox.events if isinstance(event, StaffListed)]
    assert told.staff[0] == Listed(staff_id="anna", name="anna 王", role="cashier")
    assert ANNA not in repr(told)
    assert "scrypt" not in repr(told)
    people = read_staff(staff)
    people["anna"] = StaffMember(staff_id="anna", name="Anna", role=Role.SUPERVISOR, pin_hash=hash_pin("7261"))
    del people["ben"]
    write_staff(staff, people.values())
    assert await world.sign_in("anna", "7261") is None
    *_, told = [event for event in world.inbox.events if isinstance(event, StaffListed)]
    assert told.staff == (
        Listed(staff_id="anna", name="Anna", role="supervisor", is_pin_new=True),
        Listed(staff_id="tina", name="tina 王", role="technician"),
    )


async def test_one_who_guesses_gets_few_tries_in_an_hour(world: World) -> None:
    looked_at = 0
    for _ in range(3600):
        world.now_s += 1.0
        if "wrong PIN;" in (problem := await world.sign_in("anna", "0815") or "") or problem.endswith("wrong PIN"):
            looked_at += 1
    assert looked_at < 15


async def test_a_stranger_cannot_tell_that_an_id_is_none(world: World) -> None:
    known = [await world.sign_in("anna", "0815") for _ in range(5)]
    strange = [await world.sign_in("zoe", "0815") for _ in range(5)]
    assert known == strange
    assert [event.staff_id for event in world.inbox.events[-3:] if isinstance(event, PinRefused)] == [None] * 3


async def test_ids_that_nobody_has_do_not_fill_the_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.local.doorkeeper.is_pin", lambda *_: False)
    for number in range(MAX_STRANGERS + 50):
        await world.sign_in(f"nobody-{number}" * 50, "0815")
    assert len(world.keeper._strangers) == MAX_STRANGERS


async def test_over_the_socket_each_connection_is_somebody_of_its_own(staff: Path) -> None:
    block = json.dumps({"kind": "block_token", "id": "b", "uid": "X"})
    async with local_site(staff=staff) as site, site.connect() as one, site.connect() as other:
        await one.send(json.dumps({"kind": "sign_in", "id": "s", "staff_id": "anna", "pin": ANNA}))
        signed = await hear(one)
        assert signed.result["role"] == "cashier"  # type: ignore[union-attr]
        await one.send(block)
        assert (await hear(one)).result == "done"  # type: ignore[union-attr]
        await other.send(block)
        assert "sign in first" in ((await hear(other)).problem or "")  # type: ignore[union-attr]
