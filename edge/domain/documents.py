"""What every desired document has in common: a version that only rises, and a word back about what became of it."""

from __future__ import annotations

from datetime import datetime

from edge.domain.decision import Decision
from edge.domain.events import Done, Refused
from edge.domain.site import Site
from protocols.sync.up import DocumentApplied, Severity


def is_applied(site: Site, decision: Decision, name: str, version: int) -> bool:
    """Whether the document is in force already, or a newer one: then nothing is to be done, and that is the reply."""
    if version > site.documents.get(name, 0):
        return False
    decision.reply = Done(text=f"{name} version {version} is applied already")
    return True


def note_applied(site: Site, decision: Decision, name: str, version: int, text: str, now: datetime) -> None:
    """The document is in force."""
    site.documents[name] = version
    site.refused_documents.pop(name, None)
    decision.journal(site, now, DocumentApplied(document=name, version=version))
    decision.clear_alarm(site, now, "document_unreadable", name)
    decision.reply = Done(text=text)


def refuse(
    site: Site, decision: Decision, name: str, version: int, problem: str, now: datetime, *, is_alarming: bool = True
) -> None:
    """The last good one stays. Told once: a retained document comes again with every connect."""
    decision.reply = Refused(reason=problem)
    if site.refused_documents.get(name) == version:
        return
    site.refused_documents[name] = version
    decision.journal(site, now, DocumentApplied(document=name, version=version, problem=problem))
    if not is_alarming:
        return
    text = f"desired document {name} is refused and version {site.documents.get(name, 0)} stays: {problem}"
    decision.raise_alarm(site, now, "document_unreadable", Severity.WARNING, text, name)
