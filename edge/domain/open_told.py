"""What is open here, told to the hub once in each connection: it holds its sessions against that."""

from __future__ import annotations

from datetime import datetime

from edge.domain.decision import Decision
from edge.domain.site import Site
from protocols.sync.comparing import MAX_NAMED, OpenTransactionsTold, digest_of


def tell_open(site: Site, decision: Decision, now: datetime) -> None:
    """An entry among the money, so that the hub comes to it with exactly those sessions begun and ended before it."""
    ids = sorted(site.transactions)
    told = OpenTransactionsTold(
        count=len(ids), digest=digest_of(ids), transaction_ids=tuple(ids) if len(ids) <= MAX_NAMED else ()
    )
    decision.journal(site, now, told)
