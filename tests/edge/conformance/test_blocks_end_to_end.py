"""Reservations, local lists, availability and boots over real sockets, with stations that we drive by hand."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from edge.chargers.credentials import hash_password
from protocols.charger.operations.availability import CancelReservation, ChangeAvailability, ReserveNow
from protocols.charger.operations.transactions import StartTransaction
from protocols.ocpp.version import Version
from tests.edge.conformance import steps_16, steps_201
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.running_agent import PASSWORD, RunningAgent, token_of

_HASH: Final = hash_password(PASSWORD)
MORE_SETTINGS: Final = f"""
[[tariffs]]
id = "reserved"
last_updated = 2026-01-01T00:00:00Z

[[tariffs.elements]]
price_components = [{{ type = "FLAT", price = 1, step_size = 1 }}]
restrictions = {{ reservation = "RESERVATION" }}

[[tariffs.elements]]
price_components = [{{ type = "ENERGY", price = 0.50, step_size = 1 }}]

[[stations]]
id = "PRICED"
password_hash = "{_HASH}"
evses = [{{ id = 1, label = "priced", tariff = "reserved" }}]

[[stations]]
id = "LISTED16"
password_hash = "{_HASH}"
local_list = true
evses = [{{ id = 1, label = "listed" }}]

[[stations]]
id = "LISTED201"
password_hash = "{_HASH}"
local_list = true
evses = [{{ id = 1, label = "listed too" }}]

[[stations]]
id = "WAITING"
password_hash = "{_HASH}"
boot = "pending"
evses = [{{ id = 1, label = "waiting" }}, {{ id = 2, label = "waiting too" }}]

[[stations]]
id = "REJECTED"
password_hash = "{_HASH}"
boot = "reject"
evses = [{{ id = 1, label = "rejected" }}]
"""
OWN: Final = "TAG-ALSO_RESERVATION"
LISTS_WITHIN_S: Final = 30.0


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)  # noqa: TID251 - the operator's own clock


async def test_also_reservation_is_made_honoured_used_and_billed(agent: RunningAgent) -> None:
    other = "TAG-NO-FRIEND"
    more = agent.data / "more.csv"
    more.write_text(f"uid,contract_id\n{other},C-OTHER\n", encoding="utf-8")
    assert (await agent.run("tokens", "import", str(more))).status == 0
    async with charge_point(agent, "PRICED") as point:
        await steps_16.booted(point)
        made = await agent.operate("PRICED", ReserveNow(token_uid=OWN, evse_id=1, expires_at=in_an_hour()))
        assert made.problem is None
        asked = await point.asked("ReserveNow")
        assert (asked["connectorId"], asked["idTag"]) == (1, OWN)
        await steps_16.status(point, "Reserved")
        shown = await agent.station("PRICED")
        assert shown["evses"][0]["state"] == "reserved"
        assert shown["reservations"][0]["reservation_id"] == asked["reservationId"]
        refused = await agent.operate("PRICED", StartTransaction(evse_id=1, token_uid=other))
        assert "reserved for somebody else" in (refused.problem or "")
        await asyncio.sleep(1.1)  # a reserved time is counted in whole seconds
        started = await steps_16.start(point, OWN, reservationId=asked["reservationId"])
        assert started["idTagInfo"]["status"] == "Accepted"
        await steps_16.stop(point, started["transactionId"])
        assert (await agent.station("PRICED"))["reservations"] == []
    (cdr,) = agent.bills("PRICED")
    assert cdr.total_reservation_cost is not None
    assert cdr.total_reservation_cost.excl_vat == 1
    assert [line.type for line in cdr.lines if line.reservation] == ["FLAT"]


@pytest.mark.parametrize("status", ["Occupied", "Rejected", "Faulted", "Unavailable"])
async def test_also_refused_by_the_station_it_is_no_reservation(agent: RunningAgent, case: str, status: str) -> None:
    async with charge_point(agent, case, Version.V201) as point:
        await steps_201.booted(point)
        point.answers["ReserveNow"] = {"status": status}
        told = await agent.operate(case, ReserveNow(token_uid=token_of(case), evse_id=1, expires_at=in_an_hour()))
        assert status in (told.problem or "")
        assert (await agent.station(case))["reservations"] == []


async def test_also_cancelled_by_the_operator_or_expired_by_the_station(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, Version.V201) as point:
        await steps_201.booted(point)
        wish = ReserveNow(token_uid=token_of(case), evse_id=1, expires_at=in_an_hour())
        await agent.operate(case, wish)
        first = (await point.asked("ReserveNow"))["id"]
        assert (await agent.operate(case, CancelReservation(reservation_id=first))).problem is None
        assert (await point.asked("CancelReservation"))["reservationId"] == first
        await agent.operate(case, wish)
        second = (await point.asked("ReserveNow"))["id"]
        assert second != first
        await point.call("ReservationStatusUpdate", reservationId=second, reservationUpdateStatus="Removed")
        assert (await agent.station(case))["reservations"] == []


async def list_of(agent: RunningAgent, station_id: str, state: str) -> dict[str, Any]:
    async with asyncio.timeout(LISTS_WITHIN_S):
        while True:
            told: dict[str, Any] = (await agent.station(station_id))["local_list"]
            if told["state"] == state:
                return told
            await asyncio.sleep(0.1)


async def asked_late(point: ChargePoint, action: str) -> dict[str, Any]:
    """The site looks at lists with its tick alone."""
    try:
        return await point.asked(action)
    except TimeoutError:
        return await point.asked(action)


async def test_also_lists_follow_the_tokens(agent: RunningAgent) -> None:
    blocked = token_of("ALSO_LISTS")
    async with charge_point(agent, "LISTED16") as old, charge_point(agent, "LISTED201", Version.V201) as new:
        old.answers["GetLocalListVersion"] = {"listVersion": 0}
        new.answers["GetLocalListVersion"] = {"versionNumber": 0}
        full_16, full_201 = await asyncio.gather(  # noqa: TID251 - both are waited for here
            asked_late(old, "SendLocalList"), asked_late(new, "SendLocalList")
        )
        assert full_16["updateType"] == full_201["updateType"] == "Full"
        on_16 = {entry["idTag"] for entry in full_16["localAuthorizationList"]}
        on_201 = {entry["idToken"]["idToken"] for entry in full_201["localAuthorizationList"]}
        assert blocked in on_16
        assert blocked in on_201
        assert not {"TAG-BLOCKED", "TAG-EXPIRED"} & (on_16 | on_201)
        for station_id in ("LISTED16", "LISTED201"):
            settled = await list_of(agent, station_id, "equal")
            assert settled["tokens"] == len(on_16)
        assert (await agent.run("tokens", "block", blocked)).status == 0
        change = await asked_late(old, "SendLocalList")
        assert (change["updateType"], change["localAuthorizationList"]) == ("Differential", [{"idTag": blocked}])
        assert change["listVersion"] > full_16["listVersion"]
        change = await asked_late(new, "SendLocalList")
        assert [entry["idToken"]["idToken"] for entry in change["localAuthorizationList"]] == [blocked]
        assert "idTokenInfo" not in change["localAuthorizationList"][0]
        await list_of(agent, "LISTED201", "equal")


async def test_also_scheduled_out_of_service(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await steps_16.booted(point)
        transaction = await steps_16.charging(point)
        point.answers["ChangeAvailability"] = {"status": "Scheduled"}
        told = await agent.operate(case, ChangeAvailability(operational_status="Inoperative", evse_id=1))
        assert told.problem is None
        assert (await agent.station(case))["evses"][0]["out_of_service"]
        await steps_16.stop(point, transaction)
        await steps_16.status(point, "Unavailable")
        assert (await agent.station(case))["evses"][0]["state"] == "unavailable"


async def test_also_waiting_until_the_staff_accepts_it(agent: RunningAgent) -> None:
    async with charge_point(agent, "WAITING", Version.V201) as point:
        await steps_201.booted(point, status="Pending")
        assert (await agent.run("accept", "NOBODY")).status == 1
        told = await agent.run("accept", "WAITING")
        assert (told.status, "accepted" in told.output) == (0, True)
        assert (await point.asked("TriggerMessage"))["requestedMessage"] == "BootNotification"
        await steps_201.booted(point)
    listed = json.loads((await agent.run("stations", "--json")).output)
    assert next(each for each in listed if each["station_id"] == "WAITING")["boot"] == "accept"


async def test_also_rejected_for_as_long_as_it_is_configured(agent: RunningAgent) -> None:
    async with charge_point(agent, "REJECTED", Version.V201) as point:
        await steps_201.booted(point, status="Rejected")
        assert "change `boot`" in (await agent.run("accept", "REJECTED")).errors
