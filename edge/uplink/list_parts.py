"""Puts the hub's lists together from their parts: one list at a time of each kind, in memory, and nothing is kept of
what is not whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from edge.domain.list_events import AccountsListed, ListBroken, TokensListed
from protocols.sync.account_lists import AccountsPart, balance_hash, contract_hash, customer_hash
from protocols.sync.lists import ListPart, TokensPart, token_hash, total, written

MAX_ITEMS: Final = 1_000_000
P = TypeVar("P", bound=ListPart)
E = TypeVar("E")


@dataclass(slots=True)
class _Begun(Generic[P]):
    """What came of a list so far, each part with the hashes of its items."""

    head: tuple[int, int | None, int, str]
    parts: dict[int, tuple[P, list[int]]] = field(default_factory=dict)
    items: int = 0
    added_up: int = 0


class ListParts(Generic[P, E]):
    """Parts may come twice and in any order; those of another list begin anew."""

    def __init__(
        self, hashes: Callable[[P], list[int]], put_together: Callable[[Sequence[tuple[P, list[int]]]], E]
    ) -> None:
        self._hashes = hashes
        self._put_together = put_together
        self._begun: _Begun[P] | None = None

    def forget(self) -> None:
        """A new session: what was begun in the one before is sent again, whole."""
        self._begun = None

    def take(self, part: P) -> E | ListBroken | None:
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
            return self._give_up(part, f"part {part.part} of {part.parts}")
        hashes = self._hashes(part)  # bit by bit: others wait meanwhile
        begun.parts[part.part] = (part, hashes)
        begun.items += len(hashes)
        begun.added_up = total(hashes, begun.added_up)
        if begun.items > MAX_ITEMS:
            return self._give_up(part, f"more than {MAX_ITEMS} {part.document}")
        if len(begun.parts) < part.parts:
            return None
        if part.since is None and written(begun.added_up) != part.digest:
            return self._give_up(part, "the whole list does not come to its digest")
        self._begun = None
        return self._put_together([begun.parts[number] for number in sorted(begun.parts)])

    def _give_up(self, part: P, problem: str) -> ListBroken:
        self._begun = None
        return ListBroken(document=part.document, version=part.version, problem=problem)


def token_parts() -> ListParts[TokensPart, TokensListed]:
    return ListParts(lambda part: [token_hash(each) for each in part.tokens], _tokens)


def account_parts() -> ListParts[AccountsPart, AccountsListed]:
    return ListParts(_account_hashes, _accounts)


def _tokens(found: Sequence[tuple[TokensPart, list[int]]]) -> TokensListed:
    parts = [part for part, _ in found]
    return TokensListed(
        version=parts[0].version,
        since=parts[0].since,
        digest=parts[0].digest,
        tokens=tuple(token for part in parts for token in part.tokens),
        removed=tuple(key for part in parts for key in part.removed),
    )


def _account_hashes(part: AccountsPart) -> list[int]:
    """Those of the customers first."""
    return [
        *map(customer_hash, part.customers),
        *map(contract_hash, part.contracts),
        *(balance_hash(contract_id, amount) for contract_id, amount in part.balances.items()),
    ]


def _accounts(found: Sequence[tuple[AccountsPart, list[int]]]) -> AccountsListed:
    parts = [part for part, _ in found]
    return AccountsListed(
        version=parts[0].version,
        since=parts[0].since,
        digest=parts[0].digest,
        as_of=parts[0].as_of,
        customers=tuple(each for part in parts for each in part.customers),
        hashes=tuple(each for part, hashes in found for each in hashes[: len(part.customers)]),
        contracts=tuple(each for part in parts for each in part.contracts),
        balances={contract_id: amount for part in parts for contract_id, amount in part.balances.items()},
        removed_customers=tuple(each for part in parts for each in part.removed_customers),
        removed_contracts=tuple(each for part in parts for each in part.removed_contracts),
    )
