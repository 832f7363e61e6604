"""May this token charge here and now? Answered from the site's own list, with or without a cloud."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from protocols.charger.commands import IdTokenAnswer
from protocols.charger.operations.fields import TokenKind
from protocols.ocpi.token import Token, TokenType, token_key
from protocols.terms import AuthorizationStatus


@dataclass(slots=True)
class TokenList:
    """The tokens of both sources: the site's own, and those of the hub.

    Where both know a token the hub's details hold, but a token that either of them blocks is blocked: a card
    reported stolen at the site must not come back to life with the hub's next document.
    """

    site: dict[str, Token] = field(default_factory=dict)
    hub: dict[str, Token] = field(default_factory=dict)
    hub_total: int | None = None
    """What the digest of the hub's tells (protocols.sync.lists); None: not added up yet."""

    def find(self, uid: str) -> Token | None:
        """The token as it counts here: not `valid` where either source blocks it."""
        key = token_key(uid)
        own, token = self.site.get(key), self.hub.get(key)
        if token is None:
            return own
        if own is not None and token.valid and not own.valid:
            return replace(token, valid=False)
        return token

    def __len__(self) -> int:
        return len(self.site.keys() | self.hub.keys())


def judge(
    token: Token | None, now: datetime, *, allowed_groups: Collection[str], is_charging_elsewhere: bool
) -> AuthorizationStatus:
    """Judge a token of the list; None is not on it. `allowed_groups` of the station, empty for all; a token that
    charges elsewhere may not, unless it is a concurrent one (OCPP 2.0.1 C01, OCPI 2.2.1 §12)."""
    if token is None:
        return AuthorizationStatus.UNKNOWN
    if not token.valid:
        return AuthorizationStatus.BLOCKED
    if token.expires_at is not None and token.expires_at <= now:
        return AuthorizationStatus.EXPIRED
    if allowed_groups and token.group_id not in allowed_groups:
        return AuthorizationStatus.NOT_AT_THIS_LOCATION
    if is_charging_elsewhere and not token.concurrent:
        return AuthorizationStatus.CONCURRENT_TX
    return AuthorizationStatus.ACCEPTED


def kind_of(token: Token) -> TokenKind:
    """What kind of token it is to a station that tells them apart: a card, or one that somebody else vouches for."""
    return "ISO14443" if token.type is TokenType.RFID else "Central"


def answer(token: Token | None, status: AuthorizationStatus) -> IdTokenAnswer:
    """What the charger is told about a token."""
    if token is None:
        return IdTokenAnswer(status=status)
    return IdTokenAnswer(status=status, group_id=token.group_id, expires_at=token.expires_at, language=token.language)
