"""Every operation of the house, asked of a living charger over the hub's REST: each comes to an outcome that says what
happened, within the request."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from deploy.demo.site import Site
from firmware_sim import scenario as scenarios
from firmware_sim.vehicle import Vehicle
from protocols.charger.commands import Operation
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.version import Version
from tests.journeys.harness import SCENARIOS, a_site, fleet_at
from tests.kit import wait_until

CAR = Vehicle.at_percent(20, battery_wh=60_000)
DRIVER = "04A1B2C3D4E505"
VARIABLE = {"component": "OCPPCommCtrlr", "variable": "HeartbeatInterval"}
SHA = "0" * 32


def asked(transaction: str, later: str, url: str) -> list[dict[str, Any]]:
    """One of each, in an order that makes sense to a charger with a running transaction at EVSE 1."""
    schedule = {"rate_unit": "W", "periods": [{"start_s": 0, "limit": 6000}]}
    profile = {"purpose": "TxProfile", "schedules": [schedule]}
    return [
        {"operation": "get_variables", "names": [VARIABLE]},
        {"operation": "set_variables", "settings": [{"name": VARIABLE, "value": "120"}]},
        {"operation": "get_base_report"},
        {"operation": "get_report", "names": [VARIABLE]},
        {"operation": "get_transaction_status", "charger_transaction_id": transaction},
        {"operation": "update_cost", "charger_transaction_id": transaction, "total_cost": "1.25"},
        {"operation": "show_price", "token_uid": DRIVER, "text": "0.49 EUR/kWh"},
        {"operation": "set_charging_profile", "evse_id": 1, "profile": profile},
        {"operation": "get_composite_schedule", "evse_id": 1, "duration_s": 600},
        {"operation": "get_charging_profiles", "evse_id": 1},
        {"operation": "clear_charging_profile", "purpose": "TxProfile"},
        {"operation": "send_local_list", "version": 1, "tokens": [{"token_uid": DRIVER}]},
        {"operation": "get_local_list_version"},
        {"operation": "clear_cache"},
        {"operation": "trigger_message", "requested_message": "Heartbeat"},
        {"operation": "set_variable_monitoring", "monitors": [
            {"name": VARIABLE, "type": "UpperThreshold", "value": 5, "severity": 5}]},
        {"operation": "get_monitoring_report"},
        {"operation": "clear_variable_monitoring", "monitor_ids": [1]},
        {"operation": "set_monitoring_base", "monitoring_base": "All"},
        {"operation": "set_monitoring_level", "severity": 5},
        {"operation": "get_customer_information", "token_uid": DRIVER},
        {"operation": "set_display_message", "message": {"content": "welcome"}},
        {"operation": "get_display_messages"},
        {"operation": "clear_display_message", "message_id": 1},
        {"operation": "transfer_data", "vendor_id": "com.example", "data": "x"},
        {"operation": "set_network_profile", "configuration_slot": 1, "connection_data": {
            "ocppVersion": "OCPP20", "ocppTransport": "JSON", "ocppCsmsUrl": "ws://127.0.0.1:9/",
            "messageTimeout": 30, "securityProfile": 1, "ocppInterface": "Wired0"}},
        {"operation": "install_certificate", "certificate_type": "CSMSRootCertificate", "certificate": "none"},
        {"operation": "get_installed_certificate_ids"},
        {"operation": "delete_certificate", "certificate": {
            "hash_algorithm": "SHA256", "issuer_name_hash": "00", "issuer_key_hash": "00", "serial_number": "1"}},
        {"operation": "send_signed_certificate", "certificate_chain": "no certificate"},
        {"operation": "get_log", "remote_location": url},
        {"operation": "get_diagnostics", "remote_location": url},
        {"operation": "publish_firmware", "location": url, "checksum": SHA},
        {"operation": "unpublish_firmware", "checksum": SHA},
        {"operation": "stop_transaction", "charger_transaction_id": transaction},
        {"operation": "unlock_connector", "evse_id": 1},
        {"operation": "change_availability", "operational_status": "Inoperative", "evse_id": 1},
        {"operation": "change_availability", "operational_status": "Operative", "evse_id": 1},
        {"operation": "reserve_now", "evse_id": 1, "token_uid": DRIVER, "expires_at": later},
        {"operation": "cancel_reservation", "reservation_id": 1},
        {"operation": "start_transaction", "evse_id": 1, "token_uid": DRIVER},
        {"operation": "update_firmware", "location": url, "retrieve_at": later},
        {"operation": "reset", "type": "OnIdle"},
    ]  # fmt: skip


async def outcome(site: Site, station_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return await site.hub.client.post(f"charging-stations/{station_id}/commands?wait_s=30&expires_in_s=3600", **body)


async def is_at_hub(site: Site, station_id: str) -> bool:
    return any(
        each["station_id"] == station_id and each["is_online"]
        for each in await site.hub.client.all("charging-stations")
    )


@pytest.mark.parametrize(("station_id", "version"), [("CP01", Version.V16), ("CP03", Version.V201)])
async def test_every_operation_comes_to_an_outcome(tmp_path: Path, station_id: str, version: Version) -> None:
    day = scenarios.load(str(SCENARIOS / "busy.toml"))
    async with a_site(tmp_path, speed=20.0) as site, fleet_at(site, day, tmp_path / "chargers") as fleet:
        station = fleet[station_id]
        await station.connect()
        station.plug(1, CAR)
        await wait_until(lambda: is_at_hub(site, station_id), 20)
        start = {"operation": "start_transaction", "evse_id": 1, "token_uid": DRIVER}
        assert (await outcome(site, station_id, start))["status"] == "accepted"
        await station.wait_for(lambda it: it.charger.evses[1].transaction_id is not None)
        later = (site.now() + timedelta(minutes=30)).isoformat()
        transaction = station.charger.transactions[station.charger.evses[1].transaction_id]
        if version is Version.V16:  # the number is the site's
            await station.wait_for(lambda it: it.charger.transactions[transaction.transaction_id].csms_id is not None)
            transaction = station.charger.transactions[transaction.transaction_id]
        wire_id = str(transaction.csms_id or transaction.transaction_id)
        bodies = asked(wire_id, later, "http://127.0.0.1:9/nothing")
        assert {body["operation"] for body in bodies} == {
            kind.__dataclass_fields__["operation"].default for kind in get_args(Operation)
        }
        known = {kind.__dataclass_fields__["operation"].default for kind in DIALECTS[version].operations}
        found: dict[str, list[str]] = {}
        for body in bodies:
            if body["operation"] in ("unlock_connector", "change_availability"):
                await station.wait_for(lambda it: it.charger.evses[1].transaction_id is None)
            command = await outcome(site, station_id, body)
            said = (command["status"], command["detail"])
            print(body["operation"], *said, command["result"])
            found.setdefault(command["status"], []).append(body["operation"])
            assert command["status"] in ("accepted", "rejected", "failed"), (body, said)
            assert "could not be read" not in command["detail"], (body, said)
            assert "Timeout" not in command["detail"], (body, said)
            if body["operation"] not in known:
                assert command["detail"] == f"OCPP {version} has no {body['operation']}"
            elif command["status"] != "accepted":
                assert command["detail"], body
        must = {"get_variables", "set_variables", "get_composite_schedule", "set_charging_profile", "stop_transaction"}
        must |= {"get_local_list_version", "unlock_connector", "change_availability", "reset", "clear_cache"}
        assert must <= set(found["accepted"]), found

        async def is_billed() -> bool:
            return bool(site.edge.cdrs())

        await wait_until(is_billed)
