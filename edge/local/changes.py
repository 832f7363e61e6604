"""What the staff may change whether the agent runs or not, and what each change is to the decisions."""

from __future__ import annotations

from typing import assert_never

from edge.domain.events import (
    FirmwareFileAdded,
    FirmwareFileRemoved,
    SiteEvent,
    StationLetIn,
    TokenBlocked,
    TokensImported,
)
from protocols.site.requests import AcceptStation, AddFirmware, BlockToken, ImportTokens, RemoveFirmware

Change = ImportTokens | BlockToken | AcceptStation | AddFirmware | RemoveFirmware


def event_of(change: Change) -> SiteEvent:
    match change:
        case ImportTokens(tokens=tokens, replaces_all=replaces_all):
            return TokensImported(tokens=tokens, replaces_all=replaces_all)
        case BlockToken(uid=uid, is_blocked=is_blocked):
            return TokenBlocked(uid=uid, is_blocked=is_blocked)
        case AcceptStation(station_id=station_id):
            return StationLetIn(station_id=station_id)
        case AddFirmware(file=file):
            return FirmwareFileAdded(file=file)
        case RemoveFirmware(file_id=file_id):
            return FirmwareFileRemoved(file_id=file_id)
        case _:
            assert_never(change)
