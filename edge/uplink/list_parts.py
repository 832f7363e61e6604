"""Puts the hub's lists together from their parts: one list at a time of each kind, in memory, and nothing is kept of
what is not whole."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.domain.list_events import ListBroken, TokensListed
from protocols.ocpi.token import Token
from protocols.sync.lists import TokensPart, token_hash, total, written

MAX_TOKENS = 1_000_000


@dataclass(slots=True)
class _Begun:
    """What came of a list so far; `added_up` is of its tokens."""

    head: tuple[int, int | None, int, str]
    parts: dict[int, TokensPart] = field(default_factory=dict)
    tokens: int = 0
    added_up: int = 0


class TokenParts:
    """Parts may come twice and in any order; those of another list begin anew."""

    def __init__(self) -> None:
        self._begun: _Begun | None = None

    def forget(self) -> None:
        """A new session: what was begun in the one before is sent again, whole."""
        self._begun = None

    def take(self, part: TokensPart) -> TokensListed | ListBroken | None:
        """The list with its last part; None while parts are missing."""
        head = (part.version, part.since, part.parts, part.digest)
        begun = self._begun
        if begun is None or begun.head != head:
            if begun is not None and begun.head[0] > part.version:
                return None  # a straggler of an older list
            begun = self._begun = _Begun(head)
        if part.part in begun.parts:
            return None
        if part.part > part.parts:
            return self._give_up(part.version, f"part {part.part} of {part.parts}")
        begun.parts[part.part] = part
        begun.tokens += len(part.tokens)
        begun.added_up = total(map(token_hash, part.tokens), begun.added_up)  # bit by bit: others wait meanwhile
        if begun.tokens > MAX_TOKENS:
            return self._give_up(part.version, f"more than {MAX_TOKENS} tokens")
        if len(begun.parts) < part.parts:
            return None
        if part.since is None and written(begun.added_up) != part.digest:
            return self._give_up(part.version, "the whole list does not come to its digest")
        return self._put_together(begun)

    def _put_together(self, begun: _Begun) -> TokensListed:
        self._begun = None
        version, since, _, digest = begun.head
        parts = [begun.parts[number] for number in sorted(begun.parts)]
        tokens: list[Token] = [token for part in parts for token in part.tokens]
        removed = tuple(key for part in parts for key in part.removed)
        return TokensListed(version=version, since=since, digest=digest, tokens=tuple(tokens), removed=removed)

    def _give_up(self, version: int, problem: str) -> ListBroken:
        self._begun = None
        return ListBroken(document="tokens", version=version, problem=problem)
