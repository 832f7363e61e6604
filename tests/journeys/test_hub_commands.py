"""What the hub wants reaches the charger, and what came of it comes back: tokens, remote start and stop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from deploy.demo.site import Site
from firmware_sim import scenario as scenarios
from firmware_sim.fleet import Fleet
from firmware_sim.vehicle import Vehicle
from tests.journeys.harness import SCENARIOS, a_site, fleet_at, settle
from tests.kit import wait_until

SPEED = 60.0
CAR = Vehicle.at_percent(20, battery_wh=60_000)


async def _outcome(site: Site, command: dict[str, Any], *wanted: str) -> str:
    """Wait until the hub knows one of these outcomes."""
    shown = command

    async def is_known() -> bool:
        nonlocal shown
        shown = await site.hub.client.get(f"commands/{command['id']}")
        return shown["status"] in wanted

    try:
        await wait_until(is_known)
    except TimeoutError as error:
        raise AssertionError(f"{shown} has none of the outcomes {wanted}") from error
    return str(shown["status"])


async def _applied(site: Site) -> None:
    """Wait until the edge has applied the newest token document."""

    async def is_applied() -> bool:
        (edge,) = await site.hub.client.all("edges")
        return any(d["version"] == d["desired_version"] for d in edge["documents"] if d["name"] == "tokens")

    await wait_until(is_applied)


async def _running(site: Site, station_id: str) -> list[dict[str, Any]]:
    return await site.hub.client.all("sessions", station_id=station_id, status="ACTIVE")


async def _start(site: Site, station_id: str, uid: str, expires_in_s: int = 600) -> dict[str, Any]:
    body = {"station_id": station_id, "evse_id": 1, "token_uid": uid, "expires_in_s": expires_in_s}
    return await site.hub.client.post("commands/remote-start", **body)


def _charges(fleet: Fleet, station_id: str) -> bool:
    return fleet[station_id].charger.evses[1].power_w > 0


async def test_tokens_and_commands_of_the_hub(tmp_path: Path) -> None:
    day = scenarios.load(str(SCENARIOS / "busy.toml"))
    async with a_site(tmp_path, speed=SPEED) as site, fleet_at(site, day, tmp_path / "chargers") as fleet:
        hub = site.hub.client
        for station in fleet.stations.values():
            await station.connect()

        # A token made at the hub charges here, by a remote start and by card; both OCPP versions.
        await hub.post("tokens", uid="04AAAAAAAA0001", contract_id="HUB-1")
        await hub.post("tokens", uid="04AAAAAAAA0002", contract_id="HUB-2")
        await _applied(site)
        for station_id, uid in (("CP01", "04AAAAAAAA0001"), ("CP03", "04AAAAAAAA0002")):
            fleet[station_id].plug(1, CAR)
            command = await _start(site, station_id, uid)
            assert await _outcome(site, command, "accepted", "rejected", "failed", "expired") == "accepted"
            await fleet[station_id].wait_for(lambda it: it.charger.evses[1].power_w > 0)

            async def is_session(name: str = station_id) -> bool:
                return len(await _running(site, name)) == 1

            await wait_until(is_session)
            (session,) = await _running(site, station_id)
            assert session["token_uid"] == uid
            again = await _start(site, station_id, "04A1B2C3D4E505")
            assert await _outcome(site, again, "accepted", "rejected", "failed", "expired") == "rejected"
            await asyncio.sleep(site.timeline.real_s(60))
            stop = await hub.post("commands/remote-stop", transaction_id=session["id"], expires_in_s=600)
            assert await _outcome(site, stop, "accepted", "rejected", "failed", "expired") == "accepted"
            await fleet[station_id].wait_for(lambda it: it.charger.evses[1].transaction_id is None)
            fleet[station_id].unplug(1)
        await settle(site, fleet)
        assert {cdr.contract_id: cdr.stop_reason for cdr in site.edge.cdrs()} == {"HUB-1": "Remote", "HUB-2": "Remote"}

        # Blocked at the hub: refused by card and by command, at once.
        await hub.patch("tokens/04AAAAAAAA0001", valid=False)
        await _applied(site)
        fleet["CP02"].plug(1, CAR)
        fleet["CP02"].present(1, "04AAAAAAAA0001")
        await fleet["CP02"].wait_for(lambda it: it.charger.evses[1].asking is None)
        refused = await _start(site, "CP02", "04AAAAAAAA0001")
        assert await _outcome(site, refused, "accepted", "rejected", "failed", "expired") == "rejected"
        assert not _charges(fleet, "CP02")

        # While the WAN is cut: one command expires and is never executed, one waits and is.
        site.wan.cut()
        fleet["CP04"].plug(1, CAR)
        late = await _start(site, "CP02", "04A1B2C3D4E506", expires_in_s=30)
        patient = await _start(site, "CP04", "04A1B2C3D4E507", expires_in_s=7_200)
        assert await _outcome(site, late, "expired") == "expired"
        site.wan.heal()
        assert await _outcome(site, patient, "accepted", "rejected", "failed", "expired") == "accepted"
        await fleet["CP04"].wait_for(lambda it: it.charger.evses[1].power_w > 0)
        assert await _outcome(site, late, "expired") == "expired"
        assert not _charges(fleet, "CP02")
        assert not any(each["station"] == "CP02" for each in fleet.transactions())
        await asyncio.sleep(site.timeline.real_s(60))
        for station_id in ("CP02", "CP04"):
            fleet[station_id].unplug(1)
        await settle(site, fleet)
        assert len(site.edge.cdrs()) == 3
