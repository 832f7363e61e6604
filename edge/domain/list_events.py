"""A list of the hub, put together from its parts, on its way to be decided upon."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.ocpi.token import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensListed:
    """All parts came. `since` None: the whole list, and its tokens come to `digest`, which is proved already."""

    version: int
    since: int | None
    digest: str
    tokens: tuple[Token, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBroken:
    """No list can be made of what came; `problem` says why. The hub is asked for the whole."""

    document: str
    version: int
    problem: str
