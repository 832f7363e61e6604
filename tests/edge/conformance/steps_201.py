"""What the certification cases of OCPP 2.0.1 have in common: the reusable states that many of them begin with."""

from __future__ import annotations

from typing import Any

from tests.edge.conformance.charge_point import ChargePoint
from tests.edge.conformance.running_agent import token_of
from tests.edge.conformance.steps_16 import stamp

RFID = "ISO14443"


async def booted(point: ChargePoint, status: str = "Accepted", reason: str = "PowerUp") -> dict[str, Any]:
    """State Booted: its answer; where it is accepted, all connectors are told to be free."""
    station = {"model": "CS", "vendorName": "Conformance", "firmwareVersion": "1.0"}
    answer = await point.call("BootNotification", reason=reason, chargingStation=station)
    assert answer["status"] == status
    if status == "Accepted":
        for evse in (1, 2):
            await connector(point, "Available", evse)
    return answer


async def connector(point: ChargePoint, word: str, evse: int = 1) -> None:
    told = await point.call("StatusNotification", timestamp=stamp(), connectorStatus=word, evseId=evse, connectorId=1)
    assert told == {}


def token(uid: str, kind: str = RFID) -> dict[str, Any]:
    return {"idToken": uid, "type": kind}


async def authorize(point: ChargePoint, uid: str | None = None) -> dict[str, Any]:
    """State Authorized; the idTokenInfo."""
    answer = await point.call("Authorize", idToken=token(uid or token_of(point.station_id)))
    info: dict[str, Any] = answer["idTokenInfo"]
    return info


def register(value: float, context: str = "Sample.Periodic", **more: Any) -> list[dict[str, Any]]:
    sampled = {"value": value, "context": context, "measurand": "Energy.Active.Import.Register", **more}
    return [{"timestamp": stamp(), "sampledValue": [sampled]}]


class Talk:
    """The TransactionEvents of one transaction, numbered as they are said."""

    def __init__(self, point: ChargePoint, transaction_id: str, evse: int = 1) -> None:
        self.point = point
        self.transaction_id = transaction_id
        self.evse = {"id": evse, "connectorId": 1}
        self.seq_no = -1

    async def say(
        self, event: str, trigger: str, *, state: str | None = None, uid: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """One event; `info` adds to transactionInfo."""
        self.seq_no += 1
        info = {"transactionId": self.transaction_id, **more.pop("info", {})}
        if state is not None:
            info["chargingState"] = state
        if uid is not None:
            more["idToken"] = token(uid)
        return await self.point.call(
            "TransactionEvent",
            eventType=event,
            timestamp=more.pop("at", stamp()),
            triggerReason=trigger,
            seqNo=more.pop("seqNo", self.seq_no),
            transactionInfo=info,
            **more,
        )

    async def started(self, trigger: str = "CablePluggedIn", **more: Any) -> dict[str, Any]:
        return await self.say("Started", trigger, evse=self.evse, **more)

    async def updated(self, trigger: str, **more: Any) -> dict[str, Any]:
        return await self.say("Updated", trigger, **more)

    async def ended(self, trigger: str, reason: str | None = None, **more: Any) -> dict[str, Any]:
        info = {"stoppedReason": reason} if reason is not None else {}
        return await self.say("Ended", trigger, info=info, **more)


async def charging(point: ChargePoint, evse: int = 1, uid: str | None = None) -> Talk:
    """State EnergyTransferStarted: plugged in, authorised, charging from 1,000 Wh on."""
    talk = Talk(point, f"{point.station_id}-{evse}", evse)
    await connector(point, "Occupied", evse)
    await talk.started(state="EVConnected", meterValue=register(1000, "Transaction.Begin"))
    answer = await talk.updated("Authorized", uid=uid or token_of(point.station_id))
    assert answer["idTokenInfo"]["status"] == "Accepted"
    await talk.updated("ChargingStateChanged", state="Charging")
    return talk


async def parked(talk: Talk, *, uid: str | None = None, reason: str | None = None, wh: float = 3500) -> dict[str, Any]:
    """State ParkingBayUnoccupied: the transaction is over, the vehicle gone. The answer to its end."""
    answer = await talk.ended(
        "StopAuthorized" if uid else "EVCommunicationLost",
        reason or ("Local" if uid else "EVDisconnected"),
        state="Idle",
        uid=uid,
        meterValue=register(wh, "Transaction.End"),
    )
    await connector(talk.point, "Available", talk.evse["id"])
    return answer
