"""What a site decided in any session is in its ledger: read back, it is the site that it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from edge.domain.decision import Decision
from edge.domain.site import Site
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.ports import Commit
from protocols.ocpp.version import Version
from tests.edge.domain.site_kit import new_site
from tests.fuzz import session
from tests.fuzz.hunt import hunt

KEPT = ("last_seq", "alarms", "documents", "profiles", "external_limits", "lists", "out_of_service", "certificates")
"""Fields of the site that are true of more than just now."""


def transactions_of(site: Site) -> dict[str, tuple[Any, ...]]:
    return {
        key: (each.station_id, each.charger_transaction_id, each.token_uid, each.started_at, each.meter_start_wh)
        for key, each in site.transactions.items()
    }


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("seed", range(5))
def test_a_site_is_read_back_as_it_was(
    version: Version, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions: list[Decision] = []
    sites: list[Site] = []
    decide = session.decide
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:

        def site_of_ledger(make: Callable[[], Site] = new_site) -> Site:
            sites.append(restore(ledger, make().rules))
            sites[0].tokens.site.update(make().tokens.site)
            return sites[0]

        def decide_and_keep(*arguments: Any) -> Decision:
            decisions.append(decide(*arguments))
            return decisions[-1]

        monkeypatch.setattr(session, "new_site", site_of_ledger)
        monkeypatch.setattr(session, "decide", decide_and_keep)
        hunt(Random(seed), steps_at_most=60, version=version)
        (site,) = sites
        commit = Commit(
            entries=[entry for decision in decisions for entry in decision.entries],
            checkpoints=list({key: each for one in decisions for key, each in one.checkpoints.items()}.values()),
            last_charger_number=site.last_charger_number,
        )
        asyncio.run(ledger.commit(commit))
        again = restore(ledger, site.rules)
    assert {name: getattr(again, name) for name in KEPT} == {name: getattr(site, name) for name in KEPT}
    assert transactions_of(again) == transactions_of(site)
