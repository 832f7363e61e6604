"""Who sits at each connection of the local socket.

Guessing a PIN is made slow: attempts are looked at one after the other, each costs a scrypt, and from the third wrong
one on its id waits, twice as long each time. An id that nobody has waits in the same way and takes as long to refuse.
Each wrong one is durable before it is answered, so a restart gives nobody new tries; the site raises an alarm from the
fifth on. What is remembered of ids that nobody has is in memory alone: no PIN is right for them.

Who is on the list is told to the site when the list changes, and before anybody signs in by it.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import structlog

from edge.domain.staff_events import Listed, PinAccepted, PinRefused, StaffEvent, StaffListed
from edge.local.permits import refusal
from edge.local.staff_file import StaffMember, hash_pin, is_pin, read_staff
from edge.ports import Inbox, Overloaded
from protocols.errors import BadText
from protocols.site.bill_requests import DecideBill
from protocols.site.payment_requests import WriteOffDebt
from protocols.site.requests import Request
from protocols.site.staff import OPERATOR, Act, Actor
from protocols.site.staff_requests import SeatRequest, SignIn, SignOut, WhoAmI
from protocols.site.view import Answer

TOO_BUSY: Final = "the agent is too busy and lets nobody in; try again"
FREE_TRIES: Final = 2
FIRST_WAIT_S: Final = 5.0
LONGEST_WAIT_S: Final = 900.0
LOOK_S: Final = 5.0
"""How long a change of the list may remain unseen where nobody asks for anything."""
MAX_STRANGERS: Final = 1000
"""Ids that nobody has, whose wrong attempts are remembered."""


@dataclass(slots=True)
class Seat:
    """A connection, and who signed in on it."""

    staff_id: str | None = None


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    until_s: float = 0.0


class Doorkeeper:
    """`now_s` are monotonic seconds; `remembered` has the wrong PINs in a row of each id, and how long, s, it is still
    to wait. Run as a part of the agent, so that changes of the list are told. The file is read again when it was
    changed: who was taken off the list may do nothing from that moment on, on whatever connection."""

    def __init__(
        self,
        path: Path,
        inbox: Inbox,
        now_s: Callable[[], float] = time.monotonic,
        remembered: Mapping[str, tuple[int, float]] = MappingProxyType({}),
    ) -> None:
        self._path = path
        self._inbox = inbox
        self._now_s = now_s
        self._one_by_one = asyncio.Lock()
        self._tries = {
            staff_id: _Tries(wrong=wrong, until_s=now_s() + wait_s) for staff_id, (wrong, wait_s) in remembered.items()
        }
        self._strangers: OrderedDict[str, _Tries] = OrderedDict()
        self._staff: dict[str, StaffMember] = {}
        self._told: dict[str, StaffMember] | None = None
        """The list that the site was told of last."""
        self._problem: str | None = None
        self._read_as: tuple[int, int, int] | None = None
        self._nobody = hash_pin("nobody")
        self._log = structlog.get_logger("edge.local")

    async def run(self) -> None:
        while True:
            async with self._one_by_one:
                self._list()
                await self._tell_list()
            await asyncio.sleep(LOOK_S)

    # --- who may ---

    def actor(self, seat: Seat) -> Actor | None:
        """Who sits there: at a site without staff whoever has the token, otherwise the one who signed in."""
        staff = self._list()
        if not staff and self._problem is None:
            return OPERATOR
        member = staff.get(seat.staff_id) if seat.staff_id is not None else None
        return member.actor if member is not None else None

    def refusal(self, request: Request, seat: Seat) -> str | None:
        """Why this may not be asked from there; None where it may."""
        actor = self.actor(seat)
        if actor is OPERATOR:
            return None
        problem = refusal(request, actor)
        return problem if problem is None or self._problem is None else self._problem

    async def second_refusal(self, request: DecideBill | WriteOffDebt) -> str | None:
        """Why the second person of a decision is none; None where it is, or is not named, or the site has no staff."""
        if request.second_by is None or self.actor(Seat()) is OPERATOR:
            return None
        seat = Seat()
        problem = await self._sign_in(SignIn(id=request.id, staff_id=request.second_by, pin=request.second_pin), seat)
        if problem is not None:
            return f"the second person: {problem}"
        return refusal(request, self.actor(seat))

    def _list(self) -> dict[str, StaffMember]:
        try:
            facts = self._path.stat()
            stamp = (facts.st_mtime_ns, facts.st_ino, facts.st_mode)
        except OSError:
            stamp = None
        if stamp != self._read_as or (stamp is None and self._staff):
            self._read_as = stamp
            try:
                self._staff, self._problem = read_staff(self._path), None
            except BadText as error:
                self._staff, self._problem = {}, str(error)
                self._log.error("staff_unreadable", problem=str(error))
        return self._staff

    # --- sitting down ---

    async def answer(self, request: SeatRequest, seat: Seat) -> Answer:
        match request:
            case SignIn():
                problem = await self._sign_in(request, seat)
                if problem is not None:
                    return Answer(id=request.id, problem=problem)
            case SignOut():
                seat.staff_id = None
            case WhoAmI():
                pass
        return Answer(id=request.id, result=self._who(seat))

    def _who(self, seat: Seat) -> dict[str, object]:
        actor = self.actor(seat)
        member = self._staff.get(seat.staff_id or "")
        return {
            "staff": bool(self._staff) or self._problem is not None,
            "staff_id": actor.staff_id if actor is not None else None,
            "name": member.name if member is not None else None,
            "role": actor.role if actor is not None else None,
            "may": [act for act in Act if actor is not None and actor.may(act)],
        }

    async def _sign_in(self, request: SignIn, seat: Seat) -> str | None:
        seat.staff_id = None
        async with self._one_by_one:
            staff = self._list()
            if self._problem is not None:
                return self._problem
            if not staff:
                return "the site has no staff: add somebody with `ohmstead-edge staff add`, or ask without signing in"
            if not await self._tell_list():
                return TOO_BUSY
            member = staff.get(request.staff_id)
            tries = self._tries_of(request.staff_id, is_known=member is not None)
            wait_s = tries.until_s - self._now_s()
            if wait_s > 0:
                return f"too many wrong PINs: try again in {int(wait_s) + 1} s"
            pin_hash = member.pin_hash if member is not None else self._nobody
            is_right = await asyncio.to_thread(is_pin, request.pin, pin_hash)
            if member is None or not is_right:
                return await self._refuse(request.staff_id, tries, is_known=member is not None)
            if tries.wrong and not await self._tell(PinAccepted(staff_id=member.staff_id, wrong=tries.wrong)):
                return TOO_BUSY
            tries.wrong = 0
            seat.staff_id = member.staff_id
            return None

    def _tries_of(self, staff_id: str, *, is_known: bool) -> _Tries:
        if is_known:
            return self._tries.setdefault(staff_id, _Tries())
        tries = self._strangers.setdefault(staff_id[:100], _Tries())
        if len(self._strangers) > MAX_STRANGERS:
            self._strangers.popitem(last=False)
        return tries

    async def _refuse(self, staff_id: str, tries: _Tries, *, is_known: bool) -> str:
        tries.wrong += 1
        wait_s = 0.0
        if tries.wrong > FREE_TRIES:
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(tries.wrong - FREE_TRIES - 1, 10))
            tries.until_s = self._now_s() + wait_s
        self._log.warning("pin_refused", wrong=tries.wrong, is_known=is_known, wait_s=wait_s)
        told = PinRefused(staff_id=staff_id if is_known else None, wrong=tries.wrong, wait_s=int(wait_s))
        if not await self._tell(told):
            return TOO_BUSY  # and not whether it was right: what is not durable is not answered
        later = f"; try again in {wait_s:.0f} s" if wait_s else ""
        return f"no such staff id, or a wrong PIN{later}"

    # --- what the site is told ---

    async def _tell_list(self) -> bool:
        """Whether the journal has the list as it is. One that is broken is not told: nobody may do anything by it."""
        staff = self._staff
        if self._problem is not None or staff == self._told:
            return True
        before = self._told or {}
        listed = tuple(
            Listed(
                staff_id=each.staff_id,
                name=each.name,
                role=each.role.value,
                is_pin_new=each.staff_id in before and before[each.staff_id].pin_hash != each.pin_hash,
            )
            for each in staff.values()
        )
        is_told = await self._tell(StaffListed(staff=listed))
        if is_told:
            self._told = staff
        return is_told

    async def _tell(self, event: StaffEvent) -> bool:
        """Whether it is durable."""
        try:
            await self._inbox.ask(event)
        except Overloaded:
            return False
        return True
