"""What the site hears of its staff at the local socket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRefused:
    """See protocols.sync.staff.SignInRefused."""

    staff_id: str | None
    wrong: int
    wait_s: int
