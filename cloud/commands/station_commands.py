"""`/v1/charging-stations/{id}/commands`: every operation of a charging station, typed; and calls of OCPP as they are.

The answer comes within the request where the station answers in time, otherwise under the command's id.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Body, Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from cloud.commands import queries
from cloud.commands.api import Command, ExpiresIn, answer_issued, home_of, issue, shown
from cloud.rest.access import Admin, Operator
from cloud.rest.context import Hub, TheHub
from cloud.rest.fields import GivenName
from cloud.rest.problems import documented, not_found
from cloud.store.keys import Principal
from protocols.charger.commands import AnyOperation, Operation
from protocols.charger.operation_reader import validate_operation

LOOK_AGAIN_S: Final = 1.0
"""Another process of the hub may have taken the outcome in: then no bell rings here."""
_OPERATION: Final[TypeAdapter[Operation]] = TypeAdapter(AnyOperation)

StationId = Annotated[GivenName, Path(description="The charging station's id.")]
EdgeId = Annotated[
    GivenName | None,
    Query(description="Needed only where several edges have a station of this name and not just one has it connected."),
]
Wait = Annotated[
    float,
    Query(ge=0, le=60, description="Seconds to wait for the outcome; 202 with the command where it is not there."),
]


async def understood(request: Request) -> Operation:
    """The operation of the body, all of its fields known. Raises RequestValidationError."""
    try:
        return validate_operation(await request.json())
    except ValidationError as error:
        problems = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        raise RequestValidationError(problems) from error


async def operate(
    hub: TheHub,
    who: Operator,
    station_id: StationId,
    operation: Annotated[AnyOperation, Body()],
    checked: Annotated[Operation, Depends(understood)],
    edge_id: EdgeId = None,
    expires_in_s: Annotated[ExpiresIn, Query()] = 60,
    wait_s: Wait = 10.0,
) -> Response:
    """Have a station do something, alike for all versions of OCPP; what a version does not have is refused."""
    what = {
        "command": "operate",
        "operation": checked.operation,
        "body": _OPERATION.dump_json(checked).decode(),
        "evse_id": getattr(checked, "evse_id", None),
        "token_uid": getattr(checked, "token_uid", None),
    }
    return await _asked(hub, who, station_id, edge_id, what, expires_in_s, wait_s)


async def call(
    hub: TheHub,
    who: Admin,
    station_id: StationId,
    action: Annotated[str, Path(pattern=r"^[A-Za-z0-9]{1,64}$", description="An action of the central system.")],
    payload: Annotated[dict[str, Any], Body(description="The request's payload, sent as it is.")],
    edge_id: EdgeId = None,
    expires_in_s: Annotated[ExpiresIn, Query()] = 60,
    wait_s: Wait = 10.0,
) -> Response:
    """Send a call of OCPP as it is; `result` is what the station answered, as it came. Nothing is checked."""
    what = {"command": "call_station", "operation": action, "body": orjson.dumps(payload).decode()}
    return await _asked(hub, who, station_id, edge_id, what, expires_in_s, wait_s)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/charging-stations", tags=["Commands"])
    for path, handler in (("/{station_id}/commands", operate), ("/{station_id}/ocpp/{action}", call)):
        router.post(path, response_model=Command, responses=documented(404, 409) | STILL_OPEN)(handler)
    return router


STILL_OPEN: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": Command, "description": "There is no outcome yet: follow the command, its address is in Location."}
}


async def _asked(
    hub: Hub,
    who: Principal,
    station_id: str,
    edge_id: str | None,
    what: dict[str, Any],
    expires_in_s: int,
    wait_s: float,
) -> Response:
    async with hub.store.read() as connection:
        homes = (await connection.execute(queries.homes(who.domain, station_id))).all()
    home = home_of(homes, edge_id)
    if home is None:
        raise not_found("charging station", station_id)
    command = await issue(hub, who, {**what, "edge_id": home, "station_id": station_id}, expires_in_s)
    return answer_issued(await outcome(hub, who, command, wait_s))


async def outcome(hub: Hub, who: Principal, command: dict[str, Any], wait_s: float) -> dict[str, Any]:
    """The command once it has ended, or as it is when `wait_s` are over."""
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + wait_s
    with hub.feed_bell.listen() as rang:
        while command["status"] not in queries.ENDED and (left_s := ends_s - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left_s, LOOK_AGAIN_S)):
                    await rang.wait()
            except TimeoutError:
                pass
            rang.clear()
            command = await shown(hub, who, command["id"])
    return command
