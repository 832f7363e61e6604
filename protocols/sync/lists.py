"""Long lists on their way to an edge: whole or as what changed since a version, in parts, with a digest over the whole.

The digest is the sum modulo 2^128 of the BLAKE2b hashes (16 bytes, big-endian) of the list's items, as 32 hex digits.
So it does not depend on their order, and follows a change without a look at the others. An item is hashed as the
compact JSON array of its fields as `token_hash` has them, times in UTC; what a later version adds is told and not
hashed, so that an edge that does not know it comes to the same digest. Accounts: see account_lists.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from hashlib import blake2b
from typing import Annotated, Any, Final, Literal, Protocol, TypeVar

import msgspec
from pydantic import Field

from protocols.ocpi.token import Token
from protocols.sync.topics import Count

LISTS: Final = "lists"
"""What an edge says in its birth that takes lists in parts; another one is sent its whole list as DesiredTokens."""
MAX_PART_BYTES: Final = 256 * 1024
"""Of a part's items as JSON, before compression: far below what brokers take (deploy/mosquitto)."""
MAX_PARTS: Final = 10_000
Part = Annotated[int, Field(ge=1, le=MAX_PARTS)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
T = TypeVar("T")
_MODULUS: Final = 1 << 128
_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


class ListPart(Protocol):
    """What the parts of all lists have: those of one list say the same but for `part`."""

    @property
    def version(self) -> int: ...
    @property
    def since(self) -> int | None: ...
    @property
    def part(self) -> int: ...
    @property
    def parts(self) -> int: ...
    @property
    def digest(self) -> str: ...
    @property
    def document(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensPart:
    """A part of the hub's tokens. Not retained: sent to an edge that is there and whose birth names `lists`.

    `since` None: the whole list. Otherwise what changed since that version or one before it: `tokens` are added or
    overwritten by uid, those of `removed` (uids as they are compared) go. All parts together are applied or none, and
    only when the list then comes to `digest`; if not, or if a part is missing, the edge says so (DocumentApplied with
    a problem), keeps what it has, and is sent the whole.
    """

    version: Count
    since: Count | None
    part: Part
    parts: Part
    digest: Digest
    tokens: tuple[Token, ...] = ()
    removed: tuple[str, ...] = ()
    document: Literal["tokens"] = "tokens"


def token_hash(token: Token) -> int:
    """What a token adds to the digest."""
    expires_at = token.expires_at if token.expires_at is None else token.expires_at.astimezone(UTC)
    said = (
        *(token.uid, token.contract_id, token.type, token.valid, token.group_id, expires_at),
        *(token.visual_number, token.language, token.concurrent),
    )
    return item_hash(said)


def item_hash(said: tuple[Any, ...]) -> int:
    """What an item of these fields adds to a digest."""
    return int.from_bytes(blake2b(_encode(said), digest_size=16).digest(), "big")


def total(hashes: Iterable[int], start: int = 0) -> int:
    """The sum that a digest tells."""
    return sum(hashes, start) % _MODULUS


def written(added_up: int) -> str:
    """A digest as it travels."""
    return f"{added_up % _MODULUS:032x}"


def cut(
    version: int, since: int | None, digest: str, tokens: Iterable[Token], removed: Iterable[str] = ()
) -> list[TokensPart]:
    """The parts of a list, or of what changed of one; at least one."""
    items: list[Token | str] = [*removed, *tokens]
    heaps = list(heaped(map(size_of, items), items))
    return [
        TokensPart(
            version=version,
            since=since,
            part=number,
            parts=len(heaps),
            digest=digest,
            tokens=tuple(item for item in heap if not isinstance(item, str)),
            removed=tuple(item for item in heap if isinstance(item, str)),
        )
        for number, heap in enumerate(heaps, 1)
    ]


def size_of(item: object) -> int:
    """An item's bytes as JSON."""
    return len(_encode(item))


def heaped(sizes: Iterable[int], items: Iterable[T]) -> Iterator[list[T]]:
    """The items, of which each has a size in bytes, in heaps that fit into a part; at least one heap."""
    heap: list[T] = []
    bytes_left = MAX_PART_BYTES
    for size, item in zip(sizes, items, strict=True):
        if heap and size + 1 > bytes_left:
            yield heap
            heap, bytes_left = [], MAX_PART_BYTES
        bytes_left -= size + 1
        heap.append(item)
    yield heap
