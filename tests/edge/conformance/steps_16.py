"""What the certification cases of OCPP 1.6 have in common: the states that many of them begin with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.edge.conformance.charge_point import ChargePoint
from tests.edge.conformance.running_agent import token_of


def stamp(ago_s: float = 0) -> str:
    """A time of today's, so many seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=ago_s)  # noqa: TID251 - the station's own clock
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def booted(point: ChargePoint) -> dict[str, Any]:
    """State Booted: accepted, and all connectors free."""
    answer = await point.call(
        "BootNotification", chargePointVendor="Conformance", chargePointModel="CP", firmwareVersion="1.0"
    )
    assert answer["status"] == "Accepted"
    for connector in (0, 1, 2):
        await status(point, "Available", connector)
    return answer


async def status(point: ChargePoint, word: str, connector: int = 1, error: str = "NoError") -> None:
    told = await point.call(
        "StatusNotification", connectorId=connector, errorCode=error, status=word, timestamp=stamp()
    )
    assert told == {}


async def authorize(point: ChargePoint, uid: str | None = None) -> dict[str, Any]:
    """State Authorized; the idTagInfo."""
    answer = await point.call("Authorize", idTag=uid or token_of(point.station_id))
    info: dict[str, Any] = answer["idTagInfo"]
    return info


async def start(point: ChargePoint, uid: str | None = None, ago_s: float = 0, **more: Any) -> dict[str, Any]:
    return await point.call(
        "StartTransaction",
        connectorId=1,
        idTag=uid or token_of(point.station_id),
        meterStart=1000,
        timestamp=stamp(ago_s),
        **more,
    )


async def stop(point: ChargePoint, transaction_id: int, ago_s: float = 0, **more: Any) -> dict[str, Any]:
    return await point.call(
        "StopTransaction", transactionId=transaction_id, meterStop=3500, timestamp=stamp(ago_s), **more
    )


async def charging(point: ChargePoint) -> int:
    """State Charging; the transaction's id."""
    await status(point, "Preparing")
    assert (await authorize(point))["status"] == "Accepted"
    started = await start(point)
    assert started["idTagInfo"]["status"] == "Accepted"
    await status(point, "Charging")
    return int(started["transactionId"])


async def parked(point: ChargePoint, transaction_id: int, reason: str = "Local") -> None:
    """The transaction is over and the vehicle gone."""
    await stop(point, transaction_id, reason=reason)
    await status(point, "Finishing")
    await status(point, "Available")
