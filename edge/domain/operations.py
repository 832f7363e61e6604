"""What the site checks before a station is asked for something, and what it learns from the answer.

Each functional block has a file of its own; here is the table of who cares for which operation.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from edge.domain.authorization import judge
from edge.domain.decision import Decision
from edge.domain.events import Refused
from edge.domain.site import OpenCommand, Site, Station
from protocols.charger.commands import ChargerCommand, Operation, RawCall
from protocols.charger.events import CommandAnswered
from protocols.charger.operations.firmware import GetLog, PublishFirmware, UpdateFirmware
from protocols.charger.operations.messages import GetDisplayMessages
from protocols.charger.operations.monitoring import GetCustomerInformation, GetMonitoringReport
from protocols.charger.operations.smart_charging import GetChargingProfiles
from protocols.charger.operations.transactions import StartTransaction
from protocols.charger.operations.variables import GetBaseReport, GetReport
from protocols.terms import AuthorizationStatus, EvseRef

_NUMBERS_SINCE: Final = datetime(2020, 1, 1, tzinfo=UTC)
ANSWERED_WITHIN: Final = timedelta(minutes=5)


def prepare(
    site: Site, decision: Decision, station: Station, operation: Operation | RawCall, now: datetime
) -> Operation | RawCall | Refused:
    """The operation as the station is asked for it, with the numbers that the site gives; or why it is not asked."""
    match operation:
        case StartTransaction():
            return _prepare_start(site, station, operation, now)
        case GetBaseReport() | GetReport() | GetChargingProfiles() | GetMonitoringReport() | GetCustomerInformation():
            return operation if operation.request_id is not None else replace(operation, request_id=number(site, now))
        case GetDisplayMessages() | UpdateFirmware() | PublishFirmware() | GetLog():
            return operation if operation.request_id is not None else replace(operation, request_id=number(site, now))
        case _:
            return operation


def note(
    site: Site, decision: Decision, station: Station, command: OpenCommand, answer: CommandAnswered, now: datetime
) -> None:
    """The station answered, or could not be asked."""
    match command.operation:
        case _:
            pass


def ask(site: Site, decision: Decision, station_id: str, operation: Operation, now: datetime) -> None:
    """The site itself wants to know or change something. The answer goes to `note` alone: it is nobody's command, and
    not journaled. Nothing is checked or numbered here."""
    command_id = f"site-{number(site, now)}"
    site.commands[command_id] = OpenCommand(
        command_id=command_id, expires_at=now + ANSWERED_WITHIN, is_own=True, station_id=station_id, operation=operation
    )
    decision.commands.append(ChargerCommand(command_id=command_id, station_id=station_id, operation=operation))


def number(site: Site, now: datetime) -> int:
    """A number that is new for every station, of 31 bits; from the clock, so that it is new with a lost ledger too."""
    seconds = int((now - _NUMBERS_SINCE).total_seconds())
    site.last_number = max(site.last_number + 1, seconds)
    return site.last_number


def _prepare_start(site: Site, station: Station, start: StartTransaction, now: datetime) -> Operation | Refused:
    ref = EvseRef(station.station_id, start.evse_id)
    if ref not in site.evses:
        return Refused(reason=f"EVSE {ref} does not exist")
    if site.at_evse(ref) is not None:
        return Refused(reason=f"EVSE {ref} has a running transaction")
    verdict = judge(
        site.tokens,
        start.token_uid,
        now,
        allowed_groups=station.rules.allowed_groups,
        is_charging_elsewhere=bool(site.by_token(start.token_uid)),
    )
    if verdict is not AuthorizationStatus.ACCEPTED:
        return Refused(reason=f"the token may not charge: {verdict}")
    return replace(start, remote_start_id=number(site, now))
