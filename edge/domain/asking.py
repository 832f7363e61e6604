"""The site asks stations by itself, and numbers what it asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from edge.domain.decision import Decision
from edge.domain.site import OpenCommand, Site
from protocols.charger.commands import ChargerCommand, Operation, RawCall

_NUMBERS_SINCE: Final = datetime(2020, 1, 1, tzinfo=UTC)
OWN: Final = "site-"
"""How the ids of the site's own questions begin."""
ANSWERED_WITHIN: Final = timedelta(minutes=5)


def ask(site: Site, decision: Decision, station_id: str, operation: Operation, now: datetime) -> None:
    """The site itself wants to know or change something. The answer goes to `operations.note` alone: it is nobody's
    command, and not journaled. Nothing is checked or numbered here. A station whose transactions the site runs keeps
    nothing of its own that it could be asked about."""
    if station_id in site.runs:
        return
    command_id = f"{OWN}{number(site, now)}"
    site.commands[command_id] = OpenCommand(
        command_id=command_id, expires_at=now + ANSWERED_WITHIN, is_own=True, station_id=station_id, operation=operation
    )
    decision.commands.append(command(site, command_id, station_id, operation))


def command(site: Site, command_id: str, station_id: str, operation: Operation | RawCall) -> ChargerCommand:
    """As the station takes it: no more in a message than it told."""
    limit = site.inventory.limits.of(station_id, operation)
    return ChargerCommand(command_id=command_id, station_id=station_id, operation=operation, limit=limit)


def number(site: Site, now: datetime) -> int:
    """A number that is new for every station, of 31 bits; from the clock, so that it is new with a lost ledger too."""
    seconds = int((now - _NUMBERS_SINCE).total_seconds())
    site.last_number = max(site.last_number + 1, seconds)
    return site.last_number
