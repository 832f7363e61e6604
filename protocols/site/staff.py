"""Who works at a site, and what a role may do there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A cashier takes money and looks after customers, a supervisor also decides upon bills and corrects them, a
    technician looks after chargers."""

    CASHIER = "cashier"
    SUPERVISOR = "supervisor"
    TECHNICIAN = "technician"


class Act(StrEnum):
    """What somebody wants to do, as far as not everybody may."""

    SEE_MONEY = "see_money"
    SERVE_CUSTOMERS = "serve_customers"
    """Make and change customers and contracts, sell and block tokens."""
    TAKE_MONEY = "take_money"
    """Payments, top-ups and the till."""
    GIVE_MONEY_BACK = "give_money_back"
    """Refunds and voids."""
    DECIDE_BILLS = "decide_bills"
    """Quarantined bills, corrections, write-offs."""
    SET_LIMITS = "set_limits"
    """Credit limits, and money moved between accounts."""
    STEER_CHARGERS = "steer_chargers"


_MAY: Final = {
    Role.CASHIER: frozenset({Act.SEE_MONEY, Act.SERVE_CUSTOMERS, Act.TAKE_MONEY, Act.STEER_CHARGERS}),
    Role.SUPERVISOR: frozenset(Act),
    Role.TECHNICIAN: frozenset({Act.STEER_CHARGERS}),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a member of staff, as it signed in."""

    staff_id: str
    role: Role

    def may(self, act: Act) -> bool:
        return act in _MAY[self.role]


OPERATOR: Final = Actor("operator", Role.SUPERVISOR)
"""Whoever can read the agent's token file, at a site that has no staff of its own."""
