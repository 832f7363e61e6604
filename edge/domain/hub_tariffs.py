"""Tariffs of the hub: they stand beside those of the settings and win by id. All of a document apply, or none.

A transaction keeps the tariff that it began with, so nothing that runs changes its price.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from edge.domain.decision import Decision
from edge.domain.events import Done, Refused
from edge.domain.site import Site
from protocols.ocpi.tariff import Tariff
from protocols.ocpi.tariff_problems import problems
from protocols.sync.down import DesiredTariffs
from protocols.sync.tariffs import TariffsChanged
from protocols.sync.up import DocumentApplied, Severity

MAX_PROBLEM_CHARS = 400


def apply_tariffs(site: Site, decision: Decision, document: DesiredTariffs, now: datetime) -> None:
    """Those of the site's currency; the others are for other sites. The last good ones stay where one is wrong."""
    name, version = document.document, document.version
    if version <= site.documents.get(name, 0):
        decision.reply = Done(text=f"{name} version {version} is applied already")
        return
    found = list(_problems(document))
    if found:
        _refuse(site, decision, document, "; ".join(found)[:MAX_PROBLEM_CHARS], now)
        return
    site.documents[name] = version
    tariffs = {each.id: each for each in document.tariffs if each.currency == site.rules.currency}
    if tariffs != site.hub_tariffs:
        site.take_tariffs(tariffs)
        parts: list[tuple[Tariff, ...]] = [(each,) for each in tariffs.values()] or [()]
        for number, part in enumerate(parts):  # one with many bands is as long as many others
            decision.journal(site, now, TariffsChanged(tariffs=part, is_complete=number == 0))
    decision.journal(site, now, DocumentApplied(document=name, version=version))
    decision.clear_alarm(site, now, "document_unreadable", name)
    decision.reply = Done(text=f"{len(tariffs)} tariffs of the hub applied")


def _problems(document: DesiredTariffs) -> Iterator[str]:
    for tariff in document.tariffs:
        yield from (f"tariff {tariff.id}: {problem}" for problem in problems(tariff))
    for tariff_id, times in Counter(tariff.id for tariff in document.tariffs).items():
        if times > 1:
            yield f"tariff {tariff_id} is there {times} times"


def _refuse(site: Site, decision: Decision, document: DesiredTariffs, problem: str, now: datetime) -> None:
    """Told once: a retained document comes again with every connect."""
    decision.reply = Refused(reason=problem)
    if site.refused_tariffs == document.version:
        return
    site.refused_tariffs = document.version
    decision.journal(site, now, DocumentApplied(document=document.document, version=document.version, problem=problem))
    stays = site.documents.get(document.document, 0)
    text = f"desired document {document.document} is refused and version {stays} stays: {problem}"
    decision.raise_alarm(site, now, "document_unreadable", Severity.WARNING, text, document.document)
