"""The examples of docs/rollouts.md, begun as they stand there."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert

from cloud.store.engine import Store
from cloud.store.keys import Scope
from cloud.store.tables import sessions
from tests.cloud.rest_kit import OWN, as_key, client_over
from tests.cloud.rollouts.rollout_kit import World, bring_fleet
from tests.cloud.samples import minute

EXAMPLES = sorted((Path(__file__).parents[3] / "docs" / "examples" / "rollouts").glob("*.json"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: str(path.stem))
async def test_an_example_begins(store: Store, api: httpx.AsyncClient, example: Path) -> None:
    await bring_fleet(store, {"edge-1": ("CP-1", "CP-2"), "edge-2": ("CP-3", "CP-4")})
    running = {"domain": OWN, "id": "tx", "edge_id": "edge-1", "station_id": "CP-1", "evse_id": 1, "status": "ACTIVE"}
    times = {"start_date_time": minute(1), "updated_at": minute(1), "meter_start_wh": 0}
    async with store.write() as connection:
        terms = {"contract_id": "C", "tariff_id": "t", "currency": "EUR"}
        await connection.execute(insert(sessions).values(**running, **times, **terms))
    async with client_over(store) as client:
        client.headers.update(await as_key(store, OWN, Scope.OPERATE))
        begun = await client.post("/v1/rollouts", json=json.loads(example.read_text()))
        assert begun.status_code == 201, begun.text
        assert begun.json()["counts"] == {"waiting": begun.json()["targets"]}
        await World(store, client).move()
        assert (await client.get(f"/v1/rollouts/{begun.json()['id']}")).json()["state"] == "running"


def test_every_example_is_in_the_document() -> None:
    text = (Path(__file__).parents[3] / "docs" / "rollouts.md").read_text(encoding="utf-8")
    assert len(EXAMPLES) >= 5
    assert not [path.name for path in EXAMPLES if f"examples/rollouts/{path.name}" not in text]
