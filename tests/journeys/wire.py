"""A charger's socket in the hands of a test: frames as they are, right or wrong, in any order."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from deploy.demo.site import Edge

V16, V201 = "ocpp1.6", "ocpp2.0.1"


class CallError(Exception):
    """The edge answered with a CALLERROR."""


class Wire:
    """One open socket of a station."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._number = 0

    async def call(self, action: str, **payload: Any) -> dict[str, Any]:
        """Send a call and wait for its answer. Raises CallError."""
        message_id = await self.send(action, **payload)
        while True:
            frame = json.loads(await self.socket.recv())
            if frame[0] in (3, 4) and frame[1] in (message_id, "-1"):  # "-1" answers what could not be read
                if frame[0] == 4:
                    raise CallError(f"{frame[2]}: {frame[3]}")
                answer: dict[str, Any] = frame[2]
                return answer

    async def send(self, action: str, **payload: Any) -> str:
        """Send a call, and do not wait."""
        self._number += 1
        message_id = f"{id(self.socket)}-{self._number}"
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        return message_id

    async def boot(self) -> None:
        if self.socket.subprotocol == V16:
            answer = await self.call("BootNotification", chargePointVendor="V", chargePointModel="M")
        else:
            station = {"vendorName": "V", "model": "M"}
            answer = await self.call("BootNotification", reason="PowerUp", chargingStation=station)
        assert answer["status"] == "Accepted"

    async def start(self, connector: int, uid: str, meter_wh: int, at: datetime) -> int:
        """OCPP 1.6 StartTransaction; the transaction's id."""
        answer = await self.call(
            "StartTransaction", connectorId=connector, idTag=uid, meterStart=meter_wh, timestamp=stamp(at)
        )
        assert answer["idTagInfo"]["status"] == "Accepted"
        return int(answer["transactionId"])

    async def stop(self, transaction_id: int, meter_wh: object, at: datetime, **more: Any) -> dict[str, Any]:
        """OCPP 1.6 StopTransaction."""
        return await self.call(
            "StopTransaction", transactionId=transaction_id, meterStop=meter_wh, timestamp=stamp(at), **more
        )


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextlib.asynccontextmanager
async def wire(edge: Edge, station_id: str, version: str = V16, *, password: str | None = None) -> AsyncIterator[Wire]:
    """Connect as a station. Raises websockets' InvalidStatus when the edge does not let it in."""
    secret = f"demo-{station_id}-password" if password is None else password
    basic = base64.b64encode(f"{station_id}:{secret}".encode()).decode()
    async with connect(
        f"{edge.ocpp_url}/{station_id}",
        subprotocols=[Subprotocol(version)],
        additional_headers={"Authorization": f"Basic {basic}"},
        compression=None,
        proxy=None,
        max_queue=None,
        close_timeout=1,
    ) as socket:
        yield Wire(socket)


def event_201(
    kind: str, transaction_id: str, seq_no: int, at: datetime, meter_wh: int, *, uid: str | None = None, evse: int = 1
) -> dict[str, Any]:
    """An OCPP 2.0.1 TransactionEvent."""
    context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(kind, "Sample.Periodic")
    info: dict[str, Any] = {"transactionId": transaction_id, "chargingState": "Charging"}
    if kind == "Ended":
        info = {"transactionId": transaction_id, "stoppedReason": "Local", "chargingState": "Idle"}
    payload: dict[str, Any] = {
        "eventType": kind,
        "timestamp": stamp(at),
        "triggerReason": {"Started": "Authorized", "Ended": "StopAuthorized"}.get(kind, "MeterValuePeriodic"),
        "seqNo": seq_no,
        "transactionInfo": info,
        "evse": {"id": evse, "connectorId": 1},
        "meterValue": [
            {
                "timestamp": stamp(at),
                "sampledValue": [{"value": meter_wh, "context": context, "measurand": "Energy.Active.Import.Register"}],
            }
        ],
    }
    if uid is not None:
        payload["idToken"] = {"idToken": uid, "type": "ISO14443"}
    return payload
