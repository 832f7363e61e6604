"""Long lists on their way to an edge: whole or as what changed since a version, in parts, with a digest over the whole.

The digest is the sum modulo 2^128 of the BLAKE2b hashes (16 bytes, big-endian) of the list's items, as 32 hex digits.
So it does not depend on their order, and follows a change without a look at the others. An item is hashed as the
compact JSON array of its fields as `token_hash` has them, times in UTC; what a later version adds is told and not
hashed, so that an edge that does not know it comes to the same digest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from hashlib import blake2b
from typing import Annotated, Final, Literal

import msgspec
from pydantic import Field

from protocols.ocpi.token import Token
from protocols.sync.topics import Count

LISTS: Final = "lists"
"""What an edge says in its birth that takes lists in parts; another one is sent its whole list as DesiredTokens."""
MAX_PART_BYTES: Final = 256 * 1024
"""Of a part's items as JSON, before compression: far below what brokers take (deploy/mosquitto)."""
MAX_PARTS: Final = 10_000
_MODULUS: Final = 1 << 128
_encode: Final = msgspec.json.Encoder().encode


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
    part: Annotated[int, Field(ge=1, le=MAX_PARTS)]
    parts: Annotated[int, Field(ge=1, le=MAX_PARTS)]
    digest: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
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
    room: list[tuple[list[Token], list[str]]] = [([], [])]
    bytes_left = MAX_PART_BYTES
    items: list[Token | str] = [*removed, *tokens]
    for item in items:
        size = len(_encode(item)) + 1
        if size > bytes_left and bytes_left < MAX_PART_BYTES:
            room.append(([], []))
            bytes_left = MAX_PART_BYTES
        bytes_left -= size
        if isinstance(item, str):
            room[-1][1].append(item)
        else:
            room[-1][0].append(item)
    return [
        TokensPart(
            version=version,
            since=since,
            part=number,
            parts=len(room),
            digest=digest,
            tokens=tuple(some),
            removed=tuple(gone),
        )
        for number, (some, gone) in enumerate(room, 1)
    ]
