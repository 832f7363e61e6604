"""What a charge point says in a session, in the words of either version: the tests are the same for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.edge.interop.foreign import Foreign

REGISTER = "Energy.Active.Import.Register"
ANSWERS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "ocpp1.6": {
        "RemoteStartTransaction": {"status": "Accepted"},
        "RemoteStopTransaction": {"status": "Accepted"},
        "GetConfiguration": {
            "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
            "unknownKey": ["Nonsense"],
        },
        "ChangeConfiguration": {"status": "RebootRequired"},
    },
    "ocpp2.0.1": {
        "RequestStartTransaction": {"status": "Accepted"},
        "RequestStopTransaction": {"status": "Accepted"},
        "GetVariables": {
            "getVariableResult": [
                {
                    "attributeStatus": "Accepted",
                    "attributeValue": "300",
                    "component": {"name": "OCPPCommCtrlr"},
                    "variable": {"name": "HeartbeatInterval"},
                }
            ]
        },
        "GetBaseReport": {"status": "Accepted"},
    },
}


def answers_of(version: str) -> Mapping[str, Mapping[str, Any]]:
    """What the charge point answers, by action; 2.1 is asked in the words of 2.0.1."""
    return ANSWERS.get(version, ANSWERS["ocpp2.0.1"])


def ago(minutes: float) -> str:
    """A time that many minutes ago, as OCPP writes it."""
    at = datetime.now(UTC) - timedelta(minutes=minutes)  # noqa: TID251  the charge point's own clock
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Session16:
    """OCPP 1.6: StartTransaction, MeterValues, StopTransaction."""

    foreign: Foreign

    async def boot(self) -> dict[str, Any]:
        told = {"chargePointVendor": "Foreign", "chargePointModel": "One"}
        answer = await self.foreign.call("BootNotification", told)
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        await self.foreign.call("StatusNotification", status)
        return answer

    async def authorize(self, token: str) -> str:
        answer = await self.foreign.call("Authorize", {"idTag": token})
        return str(answer["idTagInfo"]["status"])

    async def start(self, token: str, register_wh: int, minutes_ago: float, **_: Any) -> str:
        told = {"connectorId": 1, "idTag": token, "meterStart": register_wh, "timestamp": ago(minutes_ago)}
        answer = await self.foreign.call("StartTransaction", told)
        assert answer["idTagInfo"]["status"] == "Accepted"
        return str(answer["transactionId"])

    async def read(self, transaction: str, register_wh: int, minutes_ago: float) -> None:
        sampled = {"value": str(register_wh), "measurand": REGISTER, "unit": "Wh"}
        values = [{"timestamp": ago(minutes_ago), "sampledValue": [sampled]}]
        told = {"connectorId": 1, "transactionId": int(transaction), "meterValue": values}
        await self.foreign.call("MeterValues", told)

    async def stop(self, transaction: str, token: str, register_wh: int, minutes_ago: float) -> None:
        told = {"transactionId": int(transaction), "idTag": token, "meterStop": register_wh}
        await self.foreign.call("StopTransaction", told | {"timestamp": ago(minutes_ago), "reason": "Local"})

    def remote_start(self) -> tuple[str, int | None]:
        """Whom the agent has let charge, and with what number."""
        return next(
            (payload["idTag"], None) for action, payload in self.foreign.asked if action == "RemoteStartTransaction"
        )


@dataclass(slots=True)
class Session201:
    """OCPP 2.0.1: TransactionEvent, with the station's own transactionId."""

    foreign: Foreign
    seq_no: int = 0

    async def boot(self) -> dict[str, Any]:
        told = {"reason": "PowerUp", "chargingStation": {"vendorName": "Foreign", "model": "Two"}}
        answer = await self.foreign.call("BootNotification", told)
        status = {"timestamp": ago(0), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        await self.foreign.call("StatusNotification", status)
        return answer

    async def authorize(self, token: str) -> str:
        answer = await self.foreign.call("Authorize", {"idToken": {"idToken": token, "type": "ISO14443"}})
        return str(answer["idTokenInfo"]["status"])

    async def start(
        self, token: str, register_wh: int, minutes_ago: float, *, transaction: str = "T1", number: int | None = None
    ) -> str:
        self.seq_no = 0
        more: dict[str, Any] = {"idToken": {"idToken": token, "type": "ISO14443"}, "evse": {"id": 1, "connectorId": 1}}
        info = {"remoteStartId": number} if number is not None else {}
        answer = await self._event("Started", transaction, register_wh, minutes_ago, more, info)
        assert answer["idTokenInfo"]["status"] == "Accepted"
        return transaction

    async def read(self, transaction: str, register_wh: int, minutes_ago: float) -> None:
        await self._event("Updated", transaction, register_wh, minutes_ago, {}, {"chargingState": "Charging"})

    async def stop(self, transaction: str, token: str, register_wh: int, minutes_ago: float) -> None:
        more = {"idToken": {"idToken": token, "type": "ISO14443"}}
        await self._event("Ended", transaction, register_wh, minutes_ago, more, {"stoppedReason": "Local"})

    def remote_start(self) -> tuple[str, int | None]:
        """Whom the agent has let charge, and with what number."""
        return next(
            (payload["idToken"]["idToken"], payload["remoteStartId"])
            for action, payload in self.foreign.asked
            if action == "RequestStartTransaction"
        )

    async def _event(
        self, phase: str, transaction: str, register_wh: int, minutes_ago: float, more: dict[str, Any], info: Any
    ) -> dict[str, Any]:
        reasons = {"Started": "Authorized", "Updated": "MeterValuePeriodic", "Ended": "StopAuthorized"}
        contexts = {"Started": "Transaction.Begin", "Updated": "Sample.Periodic", "Ended": "Transaction.End"}
        at = ago(minutes_ago)
        sampled = {"value": register_wh, "measurand": REGISTER, "context": contexts[phase]}
        told = {
            "eventType": phase,
            "timestamp": at,
            "triggerReason": reasons[phase],
            "seqNo": self.seq_no,
            "transactionInfo": {"transactionId": transaction, **info},
            "meterValue": [{"timestamp": at, "sampledValue": [sampled | {"unitOfMeasure": {"unit": "Wh"}}]}],
        }
        self.seq_no += 1
        return await self.foreign.call("TransactionEvent", told | more)
