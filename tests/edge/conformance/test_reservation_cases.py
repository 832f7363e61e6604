"""The certification cases of reservations that need more than one answer: all EVSEs reserved (H14), one that nobody
uses (TC_047, at sixty times the speed); and those that are made by raw calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

import pytest

from edge.chargers.credentials import hash_password
from edge.config import TIMELINE_VARIABLE
from protocols.charger.operations.availability import ReserveNow
from protocols.charger.operations.transactions import StartTransaction
from protocols.ocpp.reading import write_stamp
from protocols.ocpp.version import Version
from protocols.timeline import Timeline
from tests.edge.conformance import steps_16, steps_201
from tests.edge.conformance.charge_point import charge_point
from tests.edge.conformance.running_agent import PASSWORD, RunningAgent, running_agent, token_of
from tests.edge.conformance.steps_201 import Talk
from tests.kit import wait_until

V201 = Version.V201
OTHER: Final = "TAG-NO-FRIEND"
"""Of no group; all others are of one, and use each other's reservations."""
EXPIRING: Final = f"""
[[tariffs]]
id = "expiring"
last_updated = 2026-01-01T00:00:00Z

[[tariffs.elements]]
price_components = [{{ type = "FLAT", price = 4, vat = 19, step_size = 1 }}]
restrictions = {{ reservation = "RESERVATION_EXPIRES" }}

[[tariffs.elements]]
price_components = [{{ type = "TIME", price = 6, vat = 19, step_size = 1 }}]
restrictions = {{ reservation = "RESERVATION" }}

[[tariffs.elements]]
price_components = [{{ type = "ENERGY", price = 0.50, step_size = 1 }}]

[[stations]]
id = "TC_047"
password_hash = "{hash_password(PASSWORD)}"
evses = [{{ id = 1, label = "reserved", tariff = "expiring" }}]
"""


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=30)  # noqa: TID251 - the operator's own clock


async def know_other(agent: RunningAgent) -> None:
    """The site knows the one who is of no group."""
    listed = agent.data / "other.csv"
    listed.write_text(f"uid,contract_id\n{OTHER},C-OTHER\n", encoding="utf-8")
    told = await agent.run("tokens", "import", str(listed))
    assert told.status == 0, told.errors


async def state(agent: RunningAgent, station_id: str, evse_id: int = 1) -> str:
    evses = (await agent.station(station_id))["evses"]
    found: str = next(evse["state"] for evse in evses if evse["evse_id"] == evse_id)
    return found


async def standing(agent: RunningAgent, station_id: str) -> list[int]:
    """The numbers of a station's reservations, by the site's book."""
    return [made["reservation_id"] for made in (await agent.station(station_id))["reservations"]]


# --- H14: as many as there are EVSEs ---


@pytest.mark.parametrize("is_raw", [False, True])
async def test_tc_h_14_reserve_unspecified_evses_as_many_as_are_available(
    agent: RunningAgent, case: str, is_raw: bool
) -> None:
    """By operations for two drivers; by raw calls for one driver, whom the site by itself would let have one alone."""
    await know_other(agent)
    async with charge_point(agent, case, V201) as point:
        await steps_201.booted(point)
        second = token_of(case if is_raw else "ALSO_MADE")
        for number, uid in enumerate((token_of(case), second), 1):
            if is_raw:
                payload = {
                    "id": number,
                    "expiryDateTime": write_stamp(soon()),
                    "idToken": {"idToken": uid, "type": "ISO14443"},
                }
                assert (await agent.call(case, "ReserveNow", payload)).result == {"status": "Accepted"}
            else:
                assert (await agent.operate(case, ReserveNow(token_uid=uid, expires_at=soon()))).problem is None
            asked = await point.asked("ReserveNow")
            assert ("evseId" in asked, "connectorType" in asked, asked["idToken"]["idToken"]) == (False, False, uid)
        for evse in (1, 2):
            await steps_201.connector(point, "Reserved", evse)
            assert await state(agent, case, evse) == "reserved"
        numbers = await standing(agent, case)
        assert len(numbers) == 2
        third = await agent.operate(case, ReserveNow(token_uid=OTHER, expires_at=soon()))
        assert "is free and not reserved" in (third.problem or "")
        stranger = Talk(point, f"{case}-{is_raw}-stranger")
        refused = await stranger.started("Authorized", uid=OTHER)
        assert refused["idTokenInfo"]["status"] == "NotAtThisTime"
        await stranger.ended("Deauthorized", "DeAuthorized")
        talk = Talk(point, f"{case}-{is_raw}", 2)
        begun = await talk.started("Authorized", uid=token_of(case), state="Charging")
        assert begun["idTokenInfo"]["status"] == "Accepted"
        await steps_201.parked(talk)
        [left] = await standing(agent, case)
        assert (await agent.call(case, "CancelReservation", {"reservationId": left})).problem is None
        assert await standing(agent, case) == []


# --- raw calls: the site knows of them ---


async def test_also_raw_a_reservation_of_1_6_is_kept_for_its_driver(agent: RunningAgent, case: str) -> None:
    await know_other(agent)
    async with charge_point(agent, case) as point:
        await steps_16.booted(point)
        payload = {
            "connectorId": 1,
            "expiryDate": write_stamp(soon()),
            "idTag": token_of("ALSO_MADE"),
            "reservationId": 77,
        }
        point.answers["ReserveNow"] = {"status": "Rejected"}
        assert (await agent.call(case, "ReserveNow", payload)).result == {"status": "Rejected"}
        assert await standing(agent, case) == []
        del point.answers["ReserveNow"]
        assert (await agent.call(case, "ReserveNow", payload)).result == {"status": "Accepted"}
        assert (await standing(agent, case), await state(agent, case)) == ([77], "reserved")
        refused = await agent.operate(case, StartTransaction(evse_id=1, token_uid=OTHER))
        assert "reserved for somebody else" in (refused.problem or "")
        assert (await agent.call(case, "CancelReservation", {"reservationId": 77})).result == {"status": "Accepted"}
        assert (await standing(agent, case), await state(agent, case)) == ([], "free")


async def test_also_made_by_the_command_line_and_used(agent: RunningAgent, case: str) -> None:
    """`ohmstead-edge call` prints what the station answered, and the reservation is one like any other."""
    async with charge_point(agent, case, V201) as point:
        await steps_201.booted(point)
        token = f'{{"idToken": "{token_of(case)}", "type": "ISO14443"}}'
        payload = f'{{"id": 5, "expiryDateTime": "{write_stamp(soon())}", "evseId": 1, "idToken": {token}}}'
        told = await agent.run("call", case, "ReserveNow", payload)
        assert (told.status, told.output.strip()) == (0, '{"status": "Accepted"}')
        assert await standing(agent, case) == [5]
        talk = Talk(point, case)
        begun = await talk.started("Authorized", uid=token_of(case), state="Charging", reservationId=5)
        assert begun["idTokenInfo"]["status"] == "Accepted"
        assert await standing(agent, case) == []
        await steps_201.parked(talk)
        out = await agent.call(case, "ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 2}})
        assert out.result == {"status": "Accepted"}
        evses = (await agent.station(case))["evses"]
        assert [evse["out_of_service"] for evse in evses] == [False, True]


# --- TC_047: nobody comes ---


@dataclass(frozen=True)
class Fast:
    """An agent whose minutes are seconds."""

    agent: RunningAgent
    now: Callable[[], datetime]

    def stamp(self) -> str:
        return write_stamp(self.now())


@pytest.fixture
def fast(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fast]:
    began_s = time.time()  # noqa: TID251 - the anchor of this run
    timeline = Timeline(origin=datetime(2026, 3, 2, 6, tzinfo=UTC), anchor_s=began_s, speed=60)
    monkeypatch.setenv(TIMELINE_VARIABLE, str(timeline))
    with running_agent(tmp_path_factory.mktemp("fast"), ["TC_046"], EXPIRING) as running:
        yield Fast(agent=running, now=lambda: timeline.at(time.time()))  # noqa: TID251 - the clock of the test


async def _has(count: int, look: Callable[[], list[Any]]) -> bool:
    return len(look()) == count


async def _is_free(agent: RunningAgent, station_id: str) -> bool:
    return await state(agent, station_id) == "free"


async def test_tc_047_reservation_of_a_connector_expire(fast: Fast) -> None:
    """Free again at the expiry, whatever the station shows; billed when no start can be on its way any more."""
    agent, station, driver = fast.agent, "TC_047", token_of("TC_046")
    await know_other(agent)
    async with charge_point(agent, station) as point:
        await point.call("BootNotification", chargePointVendor="Conformance", chargePointModel="CP")
        told = {"connectorId": 1, "errorCode": "NoError"}
        await point.call("StatusNotification", **told, status="Available", timestamp=fast.stamp())
        expires_at = (fast.now() + timedelta(minutes=10)).replace(microsecond=0)
        made = await agent.operate(station, ReserveNow(token_uid=driver, evse_id=1, expires_at=expires_at))
        assert made.problem is None
        asked = await point.asked("ReserveNow")
        assert (asked["connectorId"], asked["idTag"], asked["expiryDate"]) == (1, driver, write_stamp(expires_at))
        await point.call("StatusNotification", **told, status="Reserved", timestamp=fast.stamp())
        other = StartTransaction(evse_id=1, token_uid=OTHER)
        assert "reserved for somebody else" in ((await agent.operate(station, other)).problem or "")
        assert (await state(agent, station), fast.now() < expires_at) == ("reserved", True)
        await wait_until(lambda: fast.now() > expires_at + timedelta(seconds=5), 20)
        assert (await agent.operate(station, other)).problem is None
        await point.call("StatusNotification", **told, status="Available", timestamp=fast.stamp())
        await wait_until(partial(_is_free, agent, station), 20)  # with the next tick
        begun = await point.call("StartTransaction", connectorId=1, idTag=OTHER, meterStart=0, timestamp=fast.stamp())
        assert begun["idTagInfo"]["status"] == "Accepted"
        await wait_until(partial(_has, 1, partial(agent.bills, station)), 20)
        assert await standing(agent, station) == []
    [bill] = agent.bills(station)
    assert (bill.token_uid, bill.stop_reason, bill.end_date_time) == (driver, "ReservationExpired", expires_at)
    assert [(line.type, line.reservation) for line in bill.lines] == [
        ("FLAT", "RESERVATION_EXPIRES"),
        ("TIME", "RESERVATION"),
    ]
    assert 9 * 60 <= bill.total_reservation_time_s <= 10 * 60
    assert Decimal("4.90") <= bill.total_cost.excl_vat <= Decimal("5.00")
