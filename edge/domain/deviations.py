"""What stations do otherwise than the standard, put down to their vendor, model and firmware."""

from __future__ import annotations

from datetime import datetime

from edge.domain.decision import Decision
from edge.domain.disk import inform
from edge.domain.site import Site
from protocols.charger.events import DeviationNoticed
from protocols.sync.upkeep import DeviationSeen


def note(site: Site, decision: Decision, event: DeviationNoticed, now: datetime) -> None:
    """Journal it. How often that may happen is bounded where it is noticed (edge.chargers.habits)."""
    station = site.stations.get(event.station_id)
    inform(
        site,
        decision,
        now,
        DeviationSeen(
            station_id=event.station_id,
            vendor=(station.vendor if station else None) or "",
            model=(station.model if station else None) or "",
            firmware_version=(station.firmware_version if station else None) or "",
            action=event.action,
            path=event.path,
            problem=event.problem,
            remedy=event.remedy,
            count=event.count,
            frame=event.frame,
        ),
    )
