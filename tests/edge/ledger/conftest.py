"""A ledger on a real file, and a play whose decisions are kept in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.domain.decision import Decision
from edge.domain.events import SiteEvent
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.ports import Commit
from tests.edge.domain.site_kit import Play, new_site


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as opened:
        yield opened


class LedgerPlay(Play):
    """A play whose decisions are kept, each in a commit of its own."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(site=restore(ledger, new_site().rules))
        self.site.tokens.site.update(new_site().tokens.site)
        self.ledger = ledger

    def tell(self, event: SiteEvent) -> Decision:
        decision = super().tell(event)
        self.keep(decision)
        return decision

    def keep(self, decision: Decision) -> None:
        commit = Commit(
            entries=decision.entries,
            readings=decision.readings,
            packed=decision.packed,
            checkpoints=list(decision.checkpoints.values()),
            acked=decision.acked,
            dead=decision.dead,
            last_charger_number=self.site.last_charger_number,
        )
        asyncio.run(self.ledger.commit(commit))

    def charge(self, minutes: float = 30) -> None:
        """A whole transaction of 1 kWh at station A."""
        number = self.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
        self.after(minutes)
        self.stop(number, 2000)


@pytest.fixture
def play(ledger: Ledger) -> LedgerPlay:
    """With its stations connected."""
    made = LedgerPlay(ledger)
    made.connect()
    return made
