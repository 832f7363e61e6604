"""OCPI 2.2.1 §9 Session: a transaction as the commercial world sees it."""

from __future__ import annotations

from enum import StrEnum


class SessionStatus(StrEnum):
    """OCPI 2.2.1 §9.4.2, the values a site can know."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"
    """The transaction has ended, but its bill waits for a person."""
