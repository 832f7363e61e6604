"""A filter that is set here reaches the edges that understand it, each with its own rules over the domain's."""

from __future__ import annotations

import dataclasses
from typing import Any

import httpx
import pytest

from cloud.ingest.desired_filters import merge
from cloud.store.engine import Store
from cloud.store.keys import Scope
from protocols.sync.filters import Classes, DeviceClass, MeasurandFilter
from protocols.sync.topics import Stream
from protocols.terms import Measurand
from tests.cloud.conftest import StartHub
from tests.cloud.edge_double import connected
from tests.cloud.rest_kit import OWN, as_key
from tests.cloud.samples import birth, minute
from tests.kit import Broker, wait_until

POWER = Measurand.POWER.value
COARSE: dict[str, Any] = {"classes": {"evse": {POWER: {"deadband": 500, "max_s": 900}}}}


async def test_it_reaches_those_who_understand_it(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.is_born(birth())
        await edge.acked(Stream.EVENT, 0)
        said = (await client.put("/v1/filters/default", json=COARSE)).json()
        assert (said["edge_id"], said["document_version"]) == (None, 1)
        assert said["classes"]["evse"][POWER] == {"deadband": 500, "percent": None, "min_s": None, "max_s": 900}
        made = await client.post("/v1/tokens", json={"uid": "A1", "contract_id": "C"})
        assert made.status_code == 201
        await wait_until(lambda: bool(edge.documents))
        assert edge.filters == [], "an edge of before would call it a document that nobody knows"
        await edge.is_born(dataclasses.replace(birth(at=minute(3)), understands=("filter",)))
        await wait_until(lambda: bool(edge.filters))
        assert edge.filters[-1].version == 1
        mine = {"classes": {"evse": {POWER: {"deadband": 50}}, "meter": {"Frequency": {"percent": 1}}}}
        assert (await client.put("/v1/edges/edge-1/filter", json=mine)).json()["document_version"] == 2
        await wait_until(lambda: edge.filters[-1].version == 2)
        assert edge.filters[-1].classes == {
            DeviceClass.EVSE: {Measurand.POWER: MeasurandFilter(deadband=50, max_s=900)},
            DeviceClass.METER: {Measurand.FREQUENCY: MeasurandFilter(percent=1)},
        }
        shown = (await client.get("/v1/filters")).json()["items"]
        assert [(each["edge_id"], each["document_version"]) for each in shown] == [(None, 1), ("edge-1", 2)]


@pytest.mark.parametrize(
    ("classes", "field"),
    [
        ({"evse": {POWER: {"min_s": 20, "max_s": 10}}}, "min_s 20 is above max_s 10"),
        ({"evse": {POWER: {"dead_band": 1}}}, "dead_band"),
        ({"evse": {"Wind": {}}}, "Wind"),
        ({"car": {}}, "car"),
        ({"evse": {POWER: {"percent": 101}}}, "percent"),
        ({"evse": {POWER: {"deadband": -1}}}, "deadband"),
    ],
)
async def test_what_is_no_filter_is_refused(store: Store, api: httpx.AsyncClient, classes: Any, field: str) -> None:
    api.headers.update(await as_key(store, OWN, Scope.OPERATE))
    refused = await api.put("/v1/filters/default", json={"classes": classes})
    assert refused.status_code == 422
    assert field in refused.text
    assert (await api.get("/v1/filters/default")).json()["document_version"] is None


async def test_an_edge_that_nobody_knows_has_none(store: Store, api: httpx.AsyncClient) -> None:
    api.headers.update(await as_key(store, OWN, Scope.OPERATE))
    assert (await api.get("/v1/edges/edge-9/filter")).status_code == 404
    assert (await api.put("/v1/edges/edge-9/filter", json={})).status_code == 404


def test_what_is_said_above_holds_field_by_field() -> None:
    below: Classes = {DeviceClass.EVSE: {Measurand.POWER: MeasurandFilter(deadband=9, min_s=0)}}
    above: Classes = {DeviceClass.EVSE: {Measurand.POWER: MeasurandFilter(min_s=5, max_s=7)}}
    assert merge(below, above) == {DeviceClass.EVSE: {Measurand.POWER: MeasurandFilter(deadband=9, min_s=5, max_s=7)}}
    assert merge(below, {}) == merge({}, below) == below
