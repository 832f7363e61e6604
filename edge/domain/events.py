"""All that the site decides upon: what chargers did, what the hub and the staff want, and the passing of time."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.charger.commands import Reply
from protocols.charger.events import ChargerEvent
from protocols.ocpi.token import Token
from protocols.sync.down import Ack, Command, DesiredTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensImported:
    """The staff brought a token list; `replaces_all` drops the site's other own tokens."""

    tokens: tuple[Token, ...]
    replaces_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBlocked:
    """The staff blocked a token, or let it in again."""

    uid: str
    is_blocked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentUnreadable:
    """The hub sent a desired document that does not decode; the last good one stays."""

    document: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkChanged:
    """The hub can be reached, or cannot: the broker is gone, or nothing has been acknowledged for too long."""

    is_online: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimitReached:
    """Stations are turned away because the agent may open no more files; or there is room again."""

    is_reached: bool
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Time has passed: a second of the machine's time or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """The agent has read its ledger and begins; always the first event."""


SiteEvent = (
    ChargerEvent
    | Ack
    | Command
    | DesiredTokens
    | DocumentUnreadable
    | TokensImported
    | TokenBlocked
    | UplinkChanged
    | ConnectionLimitReached
    | Ticked
    | Restarted
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The request is carried out and durable; `text` says what was done, for a person."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The request is not carried out; `reason` says why and what to do."""

    reason: str


SiteReply = Reply | Done | Refused
