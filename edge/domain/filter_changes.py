"""The hub changes the telemetry filter: all of a document or nothing, and the last good one stays."""

from __future__ import annotations

from datetime import datetime

from edge.domain.decision import Decision
from edge.domain.documents import is_applied, note_applied, refuse
from edge.domain.filters import filters, problems
from edge.domain.site import Site
from protocols.sync.filters import DesiredFilter, FilterChanged


def apply_filter(site: Site, decision: Decision, document: DesiredFilter, now: datetime) -> None:
    """Curves go on as they are: each is judged by the new rules from its next reading on."""
    name, version, own = document.document, document.version, site.rules.telemetry
    if is_applied(site, decision, name, version):
        return
    found = list(problems(own, document.classes))
    if found:
        refuse(site, decision, name, version, "; ".join(found), now)
        return
    site.filters = filters(own, document.classes, version)
    decision.journal(site, now, FilterChanged(version=version, classes=document.classes))
    note_applied(site, decision, name, version, f"the hub's filter {version} is in force", now)
