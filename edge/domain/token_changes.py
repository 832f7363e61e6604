"""The hub's tokens change: by the whole list or by what changed, all of it or nothing.

What is journaled is what is different here, in entries that fit into a batch; one commit holds them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from edge.domain import local_lists
from edge.domain.decision import Decision
from edge.domain.documents import is_applied, note_applied, refuse
from edge.domain.events import Done
from edge.domain.list_events import ListBroken, TokensListed
from edge.domain.site import Site
from protocols.ocpi.token import Token
from protocols.sync.down import DesiredTokens
from protocols.sync.lists import token_hash, total, written
from protocols.sync.up import TokensChanged

NAME: Final = "tokens"
AT_ONCE: Final = 100
"""Tokens of one entry: at 300 bytes each they fit into a batch."""


def token_digest(site: Site) -> str:
    """Of the hub's tokens as they are here."""
    if site.tokens.hub_total is None:
        site.tokens.hub_total = total(map(token_hash, site.tokens.hub.values()))
    return written(site.tokens.hub_total)


def apply_tokens(site: Site, decision: Decision, document: DesiredTokens, now: datetime) -> None:
    """The whole list in one message, as hubs of contract 1.0 send it; the same or an older version changes nothing."""
    if is_applied(site, decision, NAME, document.version):
        return
    after = {token.key: token for token in document.tokens}
    _replace(site, decision, after, now)
    site.tokens.hub_total = None
    note_applied(site, decision, NAME, document.version, f"{len(after)} tokens of the hub applied", now)


def apply_list(site: Site, decision: Decision, event: TokensListed, now: datetime) -> None:
    """Only where the list then is the hub's."""
    known = site.documents.get(NAME, 0)
    is_other = event.version == known and event.since is None and event.digest != token_digest(site)
    if not is_other and is_applied(site, decision, NAME, event.version):
        return
    if event.since is None:
        _replace(site, decision, {token.key: token for token in event.tokens}, now)
        site.tokens.hub_total = int(event.digest, 16) if len(site.tokens.hub) == len(event.tokens) else None
    elif event.since > known:
        problem = f"it tells what changed since version {event.since}, and {known} is here: the whole list is wanted"
        refuse(site, decision, NAME, event.version, problem, now, is_alarming=False)  # it is on its way
        return
    elif not _change(site, decision, event, now):
        problem = "with what changed the list is not the hub's: the whole list is wanted"
        refuse(site, decision, NAME, event.version, problem, now, is_alarming=False)
        return
    note_applied(site, decision, NAME, event.version, f"{len(site.tokens.hub)} tokens of the hub applied", now)


def note_broken(site: Site, decision: Decision, event: ListBroken, now: datetime) -> None:
    """Parts are missing, or do not come to their digest."""
    if event.version < site.documents.get(event.document, 0):
        decision.reply = Done(text=f"{event.document} version {event.version} is past")
        return
    refuse(site, decision, event.document, event.version, event.problem, now)


def _change(site: Site, decision: Decision, event: TokensListed, now: datetime) -> bool:
    """False, and nothing is done, where the digest would be another one."""
    token_digest(site)
    hub = site.tokens.hub
    changed = {token.key: token for token in event.tokens}
    removed = {key for key in event.removed if key in hub and key not in changed}
    before = {key: hub[key] for key in (*changed, *removed) if key in hub}
    then = total(map(token_hash, changed.values()), site.tokens.hub_total or 0)
    then = total((-token_hash(token) for token in before.values()), then)
    if written(then) != event.digest:
        return False
    news = [token for key, token in changed.items() if before.get(key) != token]
    site.tokens.hub_total = then
    hub.update(changed)
    for key in removed:
        del hub[key]
    _journal(site, decision, before, changed, news, sorted(removed), now)
    return True


def _replace(site: Site, decision: Decision, after: dict[str, Token], now: datetime) -> None:
    before, site.tokens.hub = site.tokens.hub, after
    news = [token for key, token in after.items() if before.get(key) != token]
    _journal(site, decision, before, after, news, sorted(before.keys() - after.keys()), now)


def _journal(
    site: Site,
    decision: Decision,
    before: dict[str, Token],
    after: dict[str, Token],
    news: Sequence[Token],
    removed: Sequence[str],
    now: datetime,
) -> None:
    bodies = [
        *(TokensChanged(source="hub", tokens=tuple(news[at : at + AT_ONCE])) for at in range(0, len(news), AT_ONCE)),
        *(
            TokensChanged(source="hub", tokens=(), removed=tuple(removed[at : at + AT_ONCE]))
            for at in range(0, len(removed), AT_ONCE)
        ),
    ]
    entries = [decision.journal(site, now, body) for body in bodies]
    if entries:
        local_lists.note_change(site, before, after, entries[-1].seq, now)
