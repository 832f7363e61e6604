"""The proof of the money, told to the hub: who changes what the site keeps cannot change what the hub keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSealed:
    """The chain of hashes over this epoch's bills, decisions upon bills and postings (edge/ledger/chain.py) stood at
    `hash` after the entry `through_seq`, its `count`-th; and at `since_hash` after `since_seq`, the seal before. Hashes
    are SHA-256, hexadecimal."""

    through_seq: int
    count: int
    hash: str
    since_seq: int
    since_count: int
    since_hash: str
    kind: Literal["chain_sealed"] = "chain_sealed"
