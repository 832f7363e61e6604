"""Tariffs that the staff brings in or the hub wants: they stand beside those of the settings and win by id, the hub's
before the staff's. All that come together apply, or none.

A transaction keeps the tariff that it began with, so nothing that runs changes its price.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from edge.domain import unusable_contracts
from edge.domain.decision import Decision
from edge.domain.documents import is_applied, note_applied, refuse
from edge.domain.events import Done, Refused, TariffsImported
from edge.domain.site import Site
from protocols.ocpi.tariff import Tariff
from protocols.ocpi.tariff_problems import problems
from protocols.sync.down import DesiredTariffs
from protocols.sync.tariffs import TariffsChanged

MAX_PROBLEM_CHARS = 400


def import_tariffs(site: Site, decision: Decision, event: TariffsImported, now: datetime) -> None:
    """The staff brought tariffs; one of another currency cannot be charged by here."""
    found = [
        f"tariff {each.id} is in {each.currency}, the site in {site.rules.currency}"
        for each in event.tariffs
        if each.currency != site.rules.currency
    ]
    found += _problems(event.tariffs)
    if found:
        decision.reply = Refused(reason="; ".join(found)[:MAX_PROBLEM_CHARS])
        return
    brought = {each.id: each for each in event.tariffs}
    unusable = unusable_contracts.found(site)
    site.take_tariffs(of_site=brought if event.replaces_all else {**site.site_tariffs, **brought})
    _journal(site, decision, event.tariffs, "site", now, is_complete=event.replaces_all, by=event.by)
    unusable_contracts.note_tariffs(site, decision, unusable, now)
    of_hub = [each for each in brought if each in site.hub_tariffs]
    but = f"; of {', '.join(sorted(of_hub))} the hub's holds" if of_hub else ""
    decision.reply = Done(text=f"{len(brought)} tariffs imported, {len(site.tariffs)} known in all{but}")


def apply_tariffs(site: Site, decision: Decision, document: DesiredTariffs, now: datetime) -> None:
    """Those of the site's currency; the others are for other sites. The last good ones stay where one is wrong."""
    name, version = document.document, document.version
    if is_applied(site, decision, name, version):
        return
    found = list(_problems(document.tariffs))
    if found:
        refuse(site, decision, name, version, "; ".join(found)[:MAX_PROBLEM_CHARS], now)
        return
    tariffs = {each.id: each for each in document.tariffs if each.currency == site.rules.currency}
    if tariffs != site.hub_tariffs:
        unusable = unusable_contracts.found(site)
        site.take_tariffs(of_hub=tariffs)
        _journal(site, decision, tuple(tariffs.values()), "hub", now, is_complete=True)
        unusable_contracts.note_tariffs(site, decision, unusable, now)
    note_applied(site, decision, name, version, f"{len(tariffs)} tariffs of the hub applied", now)


def _journal(
    site: Site,
    decision: Decision,
    tariffs: tuple[Tariff, ...],
    source: Literal["site", "hub"],
    now: datetime,
    *,
    is_complete: bool,
    by: str | None = None,
) -> None:
    parts: list[tuple[Tariff, ...]] = [(each,) for each in tariffs] or [()]
    for number, part in enumerate(parts):  # one with many bands is as long as many others
        is_first = is_complete and number == 0
        decision.journal(site, now, TariffsChanged(source=source, tariffs=part, is_complete=is_first, by=by))


def _problems(tariffs: Sequence[Tariff]) -> Iterator[str]:
    for tariff in tariffs:
        yield from (f"tariff {tariff.id}: {problem}" for problem in problems(tariff))
    for tariff_id, times in Counter(tariff.id for tariff in tariffs).items():
        if times > 1:
            yield f"tariff {tariff_id} is there {times} times"
