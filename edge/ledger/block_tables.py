"""Reads back what the ledger has of reservations, local lists, availability and admissions."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime
from sys import intern
from typing import Final

from pydantic import TypeAdapter

from edge.domain.local_lists import learn_limits
from edge.domain.site import Site
from edge.ledger.queries import queries
from protocols.sync.upkeep import AvailabilityChanged, LocalListSettled, ReservationMade, VariableReading
from protocols.terms import EvseRef

_RESERVATION: Final = TypeAdapter(ReservationMade)
_LIST: Final = TypeAdapter(LocalListSettled)
_AVAILABILITY: Final = TypeAdapter(AvailabilityChanged)


def restore_blocks(site: Site, connection: sqlite3.Connection) -> None:
    """Bring the site to where it was at the last commit."""
    sql = queries()
    for (document,) in connection.execute(sql["reservations"]):
        made = _RESERVATION.validate_json(document)
        site.station(made.station_id)
        site.reservations.keep(made)
    for (document,) in connection.execute(sql["availability"]):
        wanted = _AVAILABILITY.validate_json(document)
        site.out_of_service[EvseRef(wanted.station_id, wanted.evse_id)] = wanted
    site.accepted_stations = {station_id for (station_id,) in connection.execute(sql["accepted_stations"])}
    meta = dict(connection.execute(sql["meta"]).fetchall())
    site.lists.tokens_version = int(meta.get("tokens_version", "0"))
    if changed_at := meta.get("tokens_changed_at"):
        site.lists.changed_at = datetime.fromisoformat(changed_at)
    if site.rules.keeps_lists:
        for (document,) in connection.execute(sql["local_lists"]):
            settled = _LIST.validate_json(document)
            checksum = intern(settled.checksum)  # thousands of stations have the same
            site.lists.settled[settled.station_id] = replace(settled, checksum=checksum)
        for station_id, *variable in connection.execute(sql["list_limits"]):
            learn_limits(site, station_id, [VariableReading(*variable)])
