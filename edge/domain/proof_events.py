"""The proof of the money has grown."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.sync.comparing import DaySummed
from protocols.sync.proof import ChainSealed


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainGrown:
    """It is time to say in the journal where the chain of hashes stands."""

    seal: ChainSealed


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReckoned:
    """It is known what a stream's entries of a day come to."""

    summed: DaySummed
