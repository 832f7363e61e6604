"""Starts that are meant for one connector of an EVSE: what was paid by a connector's code begins there or not at all.

No version of OCPP lets a start name the connector. So none is asked for while a vehicle is at another one, and where it
begins at another one after all, its token is refused and the station told to end it. What was meant is in memory alone:
a restart between the start and its beginning forgets it, and the token charges at the EVSE that was named.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from edge.domain.asking import ask
from edge.domain.decision import Decision
from edge.domain.events import Refused
from edge.domain.site import Site
from edge.domain.station import Station
from edge.domain.transaction import Transaction
from protocols.charger.abilities import OCPP_21, OCPP_201
from protocols.charger.commands import IdTokenAnswer
from protocols.charger.operations.transactions import StartTransaction, StopTransaction
from protocols.sync.up import Severity
from protocols.terms import AuthorizationStatus, ConnectorStatus, EvseRef

WRONG_CONNECTOR: Final = "wrong_connector"


def refusal(site: Site, station: Station, start: StartTransaction) -> Refused | None:
    """Why a start for one connector is not asked for; None where it is, or is for none in particular."""
    wanted = start.connector_id
    if wanted is None:
        return None
    ref = EvseRef(station.station_id, start.evse_id)
    if wanted != 1 and not _has_connectors(station):
        return Refused(reason=f"EVSE {ref} has one connector: there is no connector {wanted}")
    status = site.evses[ref]
    if status.status is ConnectorStatus.OCCUPIED and status.connector_id != wanted:
        return Refused(reason=f"a vehicle is at connector {status.connector_id} of EVSE {ref}, not at {wanted}")
    return None


def expect(site: Site, station: Station, start: StartTransaction) -> None:
    """It is asked for now; whatever was wanted of this EVSE before is past."""
    ref = EvseRef(station.station_id, start.evse_id)
    site.wanted_connectors.pop(ref, None)
    if start.connector_id is not None and _has_connectors(station):
        site.wanted_connectors[ref] = start


def forget(site: Site, station: Station, start: StartTransaction) -> None:
    """The station will not do it."""
    ref = EvseRef(station.station_id, start.evse_id)
    if site.wanted_connectors.get(ref) == start:
        del site.wanted_connectors[ref]


def judge(
    site: Site,
    decision: Decision,
    transaction: Transaction,
    connector_id: int | None,
    remote_start_id: int | None,
    answer: IdTokenAnswer,
    now: datetime,
) -> IdTokenAnswer:
    """The answer to the token of a transaction that begins, as its message tells of it: another one where it answers a
    start and is not at the connector that the start was meant for."""
    ref = transaction.ref
    start = site.wanted_connectors.get(ref)
    if start is None or remote_start_id != start.remote_start_id:
        return answer
    del site.wanted_connectors[ref]
    status = site.evses[ref]
    heard = status.connector_id if status.status is ConnectorStatus.OCCUPIED else None
    there = connector_id or heard
    if there is None or there == start.connector_id:
        decision.clear_alarm(site, now, WRONG_CONNECTOR, ref)
        return answer
    text = f"a start for connector {start.connector_id} of {ref} began at connector {there} and is ended"
    decision.raise_alarm(site, now, WRONG_CONNECTOR, Severity.WARNING, text, ref)
    charger_id = transaction.charger_transaction_id
    ask(site, decision, ref.station_id, StopTransaction(charger_transaction_id=charger_id), now)
    return replace(answer, status=AuthorizationStatus.INVALID)


def _has_connectors(station: Station) -> bool:
    """Of OCPP 1.6 each connector is an EVSE here, and so it is where a charger is polled."""
    return station.abilities in (OCPP_201, OCPP_21)
