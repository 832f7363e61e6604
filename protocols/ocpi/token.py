"""OCPI 2.2.1 §12 Token: what a driver presents, and whose account pays."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import AwareDatetime


class TokenType(StrEnum):
    """OCPI 2.2.1 §12.4.4."""

    AD_HOC_USER = "AD_HOC_USER"
    APP_USER = "APP_USER"
    OTHER = "OTHER"
    RFID = "RFID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """OCPI 2.2.1 §12.3.2, with an expiry. `uid` is compared without regard to case, as OCPP does with an IdToken.

    `valid` is False for a blocked token. `contract_id` names the account that is billed. `concurrent` allows more
    than one transaction at a time.
    """

    uid: str
    contract_id: str
    type: TokenType = TokenType.RFID
    valid: bool = True
    group_id: str | None = None
    expires_at: AwareDatetime | None = None
    visual_number: str | None = None
    language: str | None = None
    concurrent: bool = False

    @property
    def key(self) -> str:
        """The uid in the form in which uids are compared."""
        return token_key(self.uid)


def token_key(uid: str) -> str:
    """A uid in the form in which uids are compared (OCPP 1.6 §7.28 and 2.0.1: case-insensitive)."""
    return uid.strip().upper()
