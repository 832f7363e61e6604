"""The proof of the money has grown."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.sync.proof import ChainSealed


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainGrown:
    """It is time to say in the journal where the chain of hashes stands."""

    seal: ChainSealed
