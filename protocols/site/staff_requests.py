"""Who sits at a connection of the local socket: a member of staff signs in with a PIN, and out again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """From now on this connection asks in the name of a member of staff; the result says who that is. Wrong PINs are
    slowed, and told to the site."""

    id: str
    staff_id: str
    pin: str
    kind: Literal["sign_in"] = "sign_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOut:
    """Nobody sits here any more."""

    id: str
    kind: Literal["sign_out"] = "sign_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoAmI:
    """Who sits at this connection, and what that one may do; `staff` says whether the site has any staff at all."""

    id: str
    kind: Literal["who_am_i"] = "who_am_i"


SeatRequest = SignIn | SignOut | WhoAmI
