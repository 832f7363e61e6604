"""What the site hears of its staff at the local socket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRefused:
    """See protocols.sync.staff.SignInRefused."""

    staff_id: str | None
    wrong: int
    wait_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PinAccepted:
    """The right one, after `wrong` wrong ones."""

    staff_id: str
    wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One of the staff, as the list has them. `is_pin_new`: the PIN is another than the list had before."""

    staff_id: str
    name: str
    role: str
    is_pin_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffListed:
    """All who are on the list now."""

    staff: tuple[Listed, ...]


StaffEvent = PinRefused | PinAccepted | StaffListed
