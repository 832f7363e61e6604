"""What edge and hub hold against each other: what is open, and what each day comes to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from protocols.sync.topics import Stream

MAX_NAMED: Final = 500
"""More open transactions than these are told by their count and digest alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTransactionsTold:
    """What is open at the edge after all that stands before this in the money stream. `digest` is that of all their
    ids, see `digest_of`; they are named where they are not too many for one entry."""

    count: int
    digest: str
    transaction_ids: tuple[str, ...] = ()
    kind: Literal["open_transactions_told"] = "open_transactions_told"


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySummed:
    """What a stream's entries `first_seq` to `last_seq` come to. All are of one `day` at the site; a long day has
    several sums. `count` is how many were there, `hash` what they come to, see `summed`.

    Of the money it also says what a person can check: the `bills` that were issued, their `energy_wh`, and the
    `amounts` with taxes by currency; credits count as they stand.
    """

    stream: Stream
    day: date
    first_seq: int
    last_seq: int
    count: int
    hash: str
    bills: int = 0
    energy_wh: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)
    kind: Literal["day_summed"] = "day_summed"


def digest_of(transaction_ids: Iterable[str]) -> str:
    """The sum modulo 2^128 of the BLAKE2b-128 hashes of the ids, hexadecimal: it depends on no order."""
    total = 0
    for transaction_id in transaction_ids:
        total += int.from_bytes(hashlib.blake2b(transaction_id.encode(), digest_size=16).digest(), "big")
    return f"{total % 2**128:032x}"


def summed(before: str, encoded: bytes) -> str:
    """The hash after one more entry, as it was written: SHA-256(before + entry), hexadecimal; at first it is empty."""
    digest = hashlib.sha256(bytes.fromhex(before))
    digest.update(encoded)
    return digest.hexdigest()
