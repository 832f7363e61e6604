"""A contract that may not charge takes its cards off the stations' local lists, and brings them back when it may again:
a station that charges by its list alone must not let in who is blocked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from edge.domain import local_lists
from edge.domain.credit import is_closed
from edge.domain.decision import Decision
from edge.domain.site import Site
from protocols.sync.up import TokensChanged


def closed(site: Site, contract_ids: Iterable[str], now: datetime) -> frozenset[str]:
    """Those of them that may not charge, whatever money there is."""
    return frozenset(each for each in contract_ids if is_closed(site, each, now))


def note(site: Site, decision: Decision, contract_ids: Iterable[str], before: frozenset[str], now: datetime) -> None:
    """After contracts changed, of which those of `before` might not charge. The tokens themselves are as they were, and
    yet the lists that are made of them are others: that is journaled as a change of none."""
    after = closed(site, contract_ids, now)
    if after == before:
        return
    changed = before ^ after
    lists = (site.tokens.site, site.tokens.hub)
    keys = {key for each in lists for key, token in each.items() if token.contract_id in changed}
    known = {key: token for key in keys if (token := site.tokens.find(key)) is not None}
    if not any(token.contract_id in changed for token in known.values()):
        return
    seq = decision.journal(site, now, TokensChanged(source="site", tokens=())).seq
    gone = {key: token for key, token in known.items() if token.contract_id in after - before}
    local_lists.note_change(site, gone, {}, seq, now)
