"""The usual stack: a central system as the examples of the `ocpp` package show it, over `websockets`.

Handlers with @on, both schemas of every message validated, nothing stored. Kinder than the examples in one point: they
log each message to the terminal, this one does not.

    python -m tests.bench.usual_stack      prints its port
"""

# mypy: ignore-errors
from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call_result as result_16
from ocpp.v16.datatypes import IdTagInfo
from ocpp.v16.enums import Action as Action16
from ocpp.v16.enums import AuthorizationStatus, RegistrationStatus
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call_result as result_201
from ocpp.v201.datatypes import IdTokenInfoType as IdTokenInfo
from ocpp.v201.enums import Action as Action201
from ocpp.v201.enums import AuthorizationStatusEnumType, RegistrationStatusEnumType


def _now() -> str:
    return datetime.now(UTC).isoformat()  # noqa: TID251 - as the examples do


class CentralSystem16(ChargePoint16):
    numbers = itertools.count(1)

    @on(Action16.boot_notification)
    def on_boot_notification(self, **_: Any) -> Any:
        return result_16.BootNotification(current_time=_now(), interval=300, status=RegistrationStatus.accepted)

    @on(Action16.status_notification)
    def on_status_notification(self, **_: Any) -> Any:
        return result_16.StatusNotification()

    @on(Action16.heartbeat)
    def on_heartbeat(self) -> Any:
        return result_16.Heartbeat(current_time=_now())

    @on(Action16.meter_values)
    def on_meter_values(self, **_: Any) -> Any:
        return result_16.MeterValues()

    @on(Action16.start_transaction)
    def on_start_transaction(self, **_: Any) -> Any:
        info = IdTagInfo(status=AuthorizationStatus.accepted)
        return result_16.StartTransaction(transaction_id=next(self.numbers), id_tag_info=info)

    @on(Action16.stop_transaction)
    def on_stop_transaction(self, **_: Any) -> Any:
        return result_16.StopTransaction(id_tag_info=IdTagInfo(status=AuthorizationStatus.accepted))


class CentralSystem201(ChargePoint201):
    @on(Action201.boot_notification)
    def on_boot_notification(self, **_: Any) -> Any:
        status = RegistrationStatusEnumType.accepted
        return result_201.BootNotification(current_time=_now(), interval=300, status=status)

    @on(Action201.status_notification)
    def on_status_notification(self, **_: Any) -> Any:
        return result_201.StatusNotification()

    @on(Action201.heartbeat)
    def on_heartbeat(self) -> Any:
        return result_201.Heartbeat(current_time=_now())

    @on(Action201.transaction_event)
    def on_transaction_event(self, id_token: Any = None, **_: Any) -> Any:
        info = None if id_token is None else IdTokenInfo(status=AuthorizationStatusEnumType.accepted)
        return result_201.TransactionEvent(id_token_info=info)


async def on_connect(websocket: Any) -> None:
    """For every charge point that connects, create a ChargePoint and listen."""
    station_id = websocket.request.path.strip("/")
    kind = CentralSystem201 if websocket.subprotocol == "ocpp2.0.1" else CentralSystem16
    try:
        await kind(station_id, websocket).start()
    except websockets.exceptions.ConnectionClosed:
        return


async def main() -> None:
    server = await websockets.serve(on_connect, "127.0.0.1", 0, subprotocols=["ocpp1.6", "ocpp2.0.1"])
    print(next(iter(server.sockets)).getsockname()[1], flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
