"""A living charger of each version holds the site's tokens, keeps a bay for the one who reserved it, and tells what it
sees of itself; the hub knows all of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.site import Site
from edge.domain.local_lists import checksum_of
from edge.local.client import local_client
from firmware_sim import scenario as scenarios
from firmware_sim.messages import ConnectorFaulted, FaultCleared
from firmware_sim.station import Station
from firmware_sim.vehicle import Vehicle
from protocols.charger.operations.availability import ListedToken
from protocols.site.requests import BlockToken, GetStations
from tests.journeys.harness import SCENARIOS, a_site, fleet_at
from tests.kit import wait_until

OWNER, STRANGER = "04A1B2C3D4E505", "04A1B2C3D4E506"
CAR = Vehicle.at_percent(20, battery_wh=60_000)


async def ask(site: Site, request: GetStations | BlockToken) -> Any:
    async with local_client("127.0.0.1", site.edge.local_port, site.edge.token_file) as client:
        return (await client.ask(request, 20)).result


async def shown(site: Site, station_id: str) -> dict[str, Any]:
    """What `ohmstead-edge stations --json` tells of it."""
    found = await ask(site, GetStations(id="1"))
    return next(station for station in found if station["station_id"] == station_id)


async def command(site: Site, station_id: str, **body: Any) -> dict[str, Any]:
    return await site.hub.client.post(f"charging-stations/{station_id}/commands?wait_s=30&expires_in_s=3600", **body)


def checksum(station: Station) -> str:
    """Of what the charger really has."""
    return checksum_of(
        {
            entry.id_token.upper(): ListedToken(
                token_uid=entry.id_token, group_id=entry.group, expires_at=entry.expires_at
            )
            for entry in station.charger.local_list.entries.values()
        }
    )


@pytest.mark.parametrize("station_id", ["CP01", "CP03"])
async def test_lists_are_equal_by_checksum_and_a_reserved_bay_is_kept(tmp_path: Path, station_id: str) -> None:
    day = scenarios.load(str(SCENARIOS / "busy.toml"))
    async with (
        a_site(tmp_path, speed=20.0, OHMSTEAD_EDGE_LOCAL_LISTS__ENABLED="true") as site,
        fleet_at(site, day, tmp_path / "chargers") as fleet,
    ):
        station = fleet[station_id]
        await station.connect()

        async def is_listed() -> bool:
            told = (await shown(site, station_id))["local_list"]
            return bool(told["state"] == "equal" and told["tokens"] and told["checksum"] == checksum(station))

        await wait_until(is_listed, 60)
        assert station.charger.local_list.find(OWNER) is not None
        await ask(site, BlockToken(id="2", uid="04A1B2C3D4E507"))
        await station.wait_for(lambda it: it.charger.local_list.find("04A1B2C3D4E507") is None, 60)
        await wait_until(is_listed, 60)

        async def is_known() -> bool:
            told = await site.hub.client.get(f"charging-stations/{station_id}/local-list")
            return bool(told["state"] == "settled" and told["checksum"] == checksum(station))

        await wait_until(is_known, 30)

        until: datetime = site.now() + timedelta(minutes=30)
        wish = {"operation": "reserve_now", "evse_id": 1, "token_uid": OWNER, "expires_at": until.isoformat()}
        assert (await command(site, station_id, **wish))["status"] == "accepted"
        assert (await shown(site, station_id))["evses"][0]["state"] == "reserved"
        station.plug(1, CAR)
        start = {"operation": "start_transaction", "evse_id": 1}
        refused = await command(site, station_id, **start, token_uid=STRANGER)
        assert "reserved for somebody else" in refused["detail"]
        assert (await command(site, station_id, **start, token_uid=OWNER))["status"] == "accepted"
        await station.wait_for(lambda it: it.charger.evses[1].transaction_id is not None)

        async def is_used() -> bool:
            told = await shown(site, station_id)
            return bool(told["reservations"] == [] and told["evses"][0]["transaction_id"])

        await wait_until(is_used, 30)

        async def is_told() -> bool:
            (told,) = await site.hub.client.all(f"charging-stations/{station_id}/reservations", token_uid=OWNER)
            return bool(told["status"] == "used" and told["transaction_id"])

        await wait_until(is_told, 30)


async def test_what_a_monitor_saw_is_found_by_its_station(tmp_path: Path) -> None:
    day = scenarios.load(str(SCENARIOS / "busy.toml"))
    async with a_site(tmp_path, speed=20.0) as site, fleet_at(site, day, tmp_path / "chargers") as fleet:
        station = fleet["CP03"]
        await station.connect()
        station.feed(ConnectorFaulted(evse_id=1))

        async def is_alarmed() -> bool:
            found = await site.hub.client.all("alarms", alarm="monitor_alerting", station_id="CP03", status="open")
            return [alarm["evse_id"] for alarm in found] == [1]

        await wait_until(is_alarmed, 60)
        (event,) = await site.hub.client.all("charging-stations/CP03/monitor-events", variable="Problem")
        assert (event["evse_id"], event["value"], event["event"]["trigger"]) == (1, "true", "Alerting")
        station.feed(FaultCleared(evse_id=1))

        async def is_over() -> bool:
            return not await site.hub.client.all("alarms", alarm="monitor_alerting", status="open")

        await wait_until(is_over, 60)
