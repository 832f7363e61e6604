"""May this token charge here and now? Answered from the site's own list, with or without a cloud."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
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

    def find(self, uid: str) -> Token | None:
        key = token_key(uid)
        return self.hub.get(key) or self.site.get(key)

    def is_blocked(self, uid: str) -> bool:
        key = token_key(uid)
        return any(not source[key].valid for source in (self.site, self.hub) if key in source)

    def __len__(self) -> int:
        return len(self.site.keys() | self.hub.keys())


def judge(
    tokens: TokenList, uid: str, now: datetime, *, allowed_groups: Collection[str], is_charging_elsewhere: bool
) -> AuthorizationStatus:
    """Judge a token. `allowed_groups` of the station, empty for all; a token that charges elsewhere may not, unless
    it is a concurrent one (OCPP 2.0.1 C01, OCPI 2.2.1 §12)."""
    token = tokens.find(uid)
    if token is None:
        return AuthorizationStatus.UNKNOWN
    if tokens.is_blocked(uid):
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


def answer(tokens: TokenList, uid: str, status: AuthorizationStatus) -> IdTokenAnswer:
    """What the charger is told about a token."""
    token = tokens.find(uid)
    if token is None:
        return IdTokenAnswer(status=status)
    return IdTokenAnswer(status=status, group_id=token.group_id, expires_at=token.expires_at, language=token.language)
