"""`/v1/cdrs`: every bill with its price lines, exactly as the edge issued it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.cdrs import queries
from cloud.cdrs.queries import CdrStatus
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import read_one, read_page
from cloud.rest.problems import documented
from protocols.money import Price
from protocols.ocpi.cdr import ChargingPeriod, PriceLine, SignedData
from protocols.ocpi.tariff import Tariff
from protocols.sync.corrections import BillDecision


class Decision(BaseModel):
    """What people at the site decided upon a bill, once and for all: `second_by` where so much money needs two."""

    decision: BillDecision
    reason: str
    by: str
    second_by: str | None
    credit_cdr_id: str | None
    new_cdr_id: str | None
    at: datetime


class Cdr(BaseModel):
    """A bill (OCPI 2.2.1 §10): energy in Wh, times in s. `quarantine` says why a person must look before it is due,
    `remarks` what is worth knowing of how it came about.

    In force is what is `issued`. The other states say what became of a bill: one in quarantine was accepted, rerated or
    written off, one that was issued was credited or corrected. What is issued instead `replaces` it; a `credit` takes
    back the bill `credit_reference_id`, with the same quantities and the negative of each cost.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "issued",
                    "edge_id": "edge-1",
                    "received_at": "2026-03-02T09:31:05Z",
                    "decision": None,
                    "id": "edge-1-4f1c-27",
                    "session_id": "edge-1-4f1c-12",
                    "location_id": "site-1",
                    "station_id": "CP-1",
                    "evse_id": 1,
                    "token_uid": "04A2B3C4",
                    "contract_id": "DE-OHM-C001",
                    "start_date_time": "2026-03-02T08:30:00Z",
                    "end_date_time": "2026-03-02T09:30:00Z",
                    "meter_start_wh": 1000,
                    "meter_stop_wh": 12000,
                    "total_energy_wh": 11000,
                    "total_time_s": 3600,
                    "total_parking_time_s": 0,
                    "currency": "EUR",
                    "tariff": {
                        "id": "standard",
                        "currency": "EUR",
                        "elements": [
                            {"price_components": [{"type": "ENERGY", "price": "0.45", "vat": "19", "step_size": 1}]}
                        ],
                        "last_updated": "2026-01-01T00:00:00Z",
                        "tariff_alt_text": "",
                    },
                    "charging_periods": [
                        {
                            "start_date_time": "2026-03-02T08:30:00Z",
                            "energy_wh": 11000,
                            "time_s": 3600,
                            "parking_time_s": 0,
                        }
                    ],
                    "lines": [
                        {
                            "type": "ENERGY",
                            "quantity": 11000,
                            "billed_quantity": 11000,
                            "price": "0.45",
                            "vat": "19",
                            "cost": {"excl_vat": "4.95", "incl_vat": "5.89"},
                        }
                    ],
                    "total_cost": {"excl_vat": "4.95", "incl_vat": "5.89"},
                    "stop_reason": "EVDisconnected",
                    "rounding_rule": "line-half-up-2",
                    "engine": "ohmstead 0.1.0",
                    "quarantine": [],
                }
            ]
        }
    )

    status: CdrStatus
    edge_id: str
    received_at: datetime
    decision: Decision | None
    id: str
    session_id: str
    location_id: str
    station_id: str
    evse_id: int
    token_uid: str | None
    contract_id: str
    start_date_time: datetime
    end_date_time: datetime
    meter_start_wh: int
    meter_stop_wh: int
    total_energy_wh: int
    total_time_s: int
    total_parking_time_s: int
    currency: str
    tariff: Tariff
    charging_periods: list[ChargingPeriod]
    lines: list[PriceLine]
    total_cost: Price
    stop_reason: str
    rounding_rule: str
    engine: str
    quarantine: list[str]
    remarks: list[str] = []
    total_reservation_time_s: int = 0
    total_reservation_cost: Price | None = None
    signed_data: SignedData | None = None
    credit: bool = False
    credit_reference_id: str | None = None
    replaces: str | None = None
    time_zone: str = "UTC"


class CdrPage(BaseModel):
    """A page of bills; `next_cursor` is null on the last one."""

    items: list[Cdr]
    next_cursor: str | None


async def list_cdrs(hub: TheHub, who: Reader, wanted: Annotated[queries.CdrQuery, Query()]) -> Response:
    """Bills, the latest end first."""
    query = queries.many(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.SORT, queries.shown, is_newest_first=True)


async def get_cdr(hub: TheHub, who: Reader, cdr_id: str) -> Response:
    """One bill."""
    return await read_one(hub, queries.one(who.domain, cdr_id), queries.shown, "CDR", cdr_id)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/cdrs", tags=["CDRs"])
    router.get("", response_model=CdrPage, responses=documented(400))(list_cdrs)
    router.get("/{cdr_id}", response_model=Cdr, responses=documented(404))(get_cdr)
    return router
