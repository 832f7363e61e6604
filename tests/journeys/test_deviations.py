"""A charger that breaks the standard, from its socket to what the operator is shown: by a running agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
from websockets.asyncio.client import connect

from tests.edge.chargers.scripted import basic
from tests.edge.conformance.running_agent import PASSWORD, running_agent, token_of

STAMP = "2026-03-02T06:00:00Z"
FRAMES: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "BootNotification",
        {
            "chargePointVendor": "Schneider Electric",
            "chargePointModel": "EVlink Smart Wallbox",
            "chargePointSerialNumber": "3N000000001F2S1B1234567890",
            "firmwareVersion": "3.4.0.9",
        },
    ),
    ("Authorize", {"idTag": "SECRET-OF-TWENTY-ONE-"}),
    ("StatusNotification", {"connectorId": "1", "errorCode": "NoError", "status": "available"}),
    (
        "MeterValues",
        {
            "connectorId": 1,
            "meterValue": [{"timestamp": STAMP, "sampledValue": [{"value": "5"}, {"value": "3", "unit": "Deg"}]}],
        },
    ),
)


async def test_what_a_charger_does_wrong_is_answered_and_shown_by_its_model(tmp_path: Path) -> None:
    with running_agent(tmp_path, ["OS-1"]) as agent:
        url = f"ws://127.0.0.1:{agent.ocpp_port}/OS-1/"
        headers = basic("OS-1", PASSWORD)
        async with connect(url, subprotocols=["ocpp1.6"], additional_headers=headers) as station:  # type: ignore[list-item]
            for _ in range(3):
                for number, (action, payload) in enumerate(FRAMES):
                    await station.send(orjson.dumps([2, f"m{number}", action, payload]).decode())
                    assert orjson.loads(await station.recv())[0] == 3
            start = {"connectorId": 1, "idTag": token_of("OS-1"), "meterStart": "1000", "timestamp": STAMP, "extra": 1}
            await station.send(orjson.dumps([2, "start", "StartTransaction", start]).decode())
            answer = orjson.loads(await station.recv())[2]
            assert answer["idTagInfo"]["status"] == "Accepted"
        shown = await agent.run("deviations")
        told = await agent.run("deviations", "--json")
    assert (shown.status, shown.errors) == (0, "")
    assert "EVlink" in shown.output
    found = json.loads(told.output)
    assert {(each["vendor"], each["firmware_version"], each["station_id"]) for each in found} == {
        ("Schneider Electric", "3.4.0.9", "OS-1")
    }
    assert {(each["action"], each["path"]): each["count"] for each in found} == {
        ("BootNotification", "/chargePointSerialNumber"): 1,
        ("Authorize", "/idTag"): 1,
        ("StatusNotification", "/connectorId"): 1,
        ("StatusNotification", "/status"): 1,
        ("MeterValues", "/meterValue/sampledValue/unit"): 1,
        ("StartTransaction", "/extra"): 1,
        ("StartTransaction", "/meterStart"): 1,
    }
    assert all(each["frame"].startswith("[2,") for each in found)
    assert "SECRET" not in told.output
    assert not any("SECRET" in path.read_text("latin-1") for path in agent.data.glob("*.log"))
