"""What the staff may change whether the agent runs or not, and what each change is to the decisions."""

from __future__ import annotations

from typing import assert_never

from edge.domain.events import (
    FirmwareFileAdded,
    FirmwareFileRemoved,
    SiteEvent,
    StationLetIn,
    TariffsImported,
    TokenBlocked,
    TokensImported,
)
from edge.local import customer_requests
from protocols.site.customer_requests import AddCustomers, BlockContract, ChangeContract, CustomerChange
from protocols.site.requests import AcceptStation, AddFirmware, BlockToken, ImportTariffs, ImportTokens, RemoveFirmware
from protocols.site.staff import OPERATOR

Change = ImportTokens | BlockToken | ImportTariffs | AcceptStation | AddFirmware | RemoveFirmware | CustomerChange


def event_of(change: Change, by: str = OPERATOR.staff_id) -> SiteEvent:
    """`by` is the member of staff who asks."""
    match change:
        case ImportTokens(tokens=tokens, replaces_all=replaces_all):
            return TokensImported(tokens=tokens, replaces_all=replaces_all)
        case BlockToken(uid=uid, is_blocked=is_blocked):
            return TokenBlocked(uid=uid, is_blocked=is_blocked)
        case ImportTariffs(tariffs=tariffs, replaces_all=replaces_all):
            return TariffsImported(tariffs=tariffs, replaces_all=replaces_all, by=by)
        case AcceptStation(station_id=station_id):
            return StationLetIn(station_id=station_id)
        case AddFirmware(file=file):
            return FirmwareFileAdded(file=file)
        case RemoveFirmware(file_id=file_id):
            return FirmwareFileRemoved(file_id=file_id)
        case AddCustomers() | ChangeContract() | BlockContract():
            return customer_requests.event_of(change, by)
        case _:
            assert_never(change)
