"""Pages stay true while rows come in, and every error is a problem document."""

from __future__ import annotations

import httpx
import pytest

from cloud.ingest.batches import store_batch
from cloud.store.engine import Store
from protocols.sync.topics import EdgeAddress
from tests.cloud.rest_kit import OWN
from tests.cloud.samples import batch, minute, money_journal


async def add(store: Store, edge_id: str, sessions: int) -> set[str]:
    journal = money_journal(sessions, edge_id)
    await store_batch(store, EdgeAddress(OWN, edge_id), batch(journal), minute(120))
    return {f"{edge_id}-cdr-{number}" for number in range(1, sessions + 1)}


@pytest.mark.parametrize("resource", ["cdrs", "sessions"])
async def test_every_row_that_was_there_is_seen_once_while_others_come_in(
    api: httpx.AsyncClient, store: Store, resource: str
) -> None:
    """Also where many rows share a time: the second edge's sessions have the times of the first's."""
    there = await add(store, "edge-1", 11) | await add(store, "edge-2", 11)
    seen: list[str] = []
    cursor, page = "", 0
    while True:
        answer = (await api.get(f"/v1/{resource}?limit=3{cursor}")).json()
        seen += [item["id"].replace("-tx-", "-cdr-") for item in answer["items"]]
        page += 1
        await add(store, f"edge-{page + 10}", 3)
        if answer["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert [name for name in seen if seen.count(name) > 1] == []
    assert there <= set(seen)


async def test_filters(api: httpx.AsyncClient, store: Store) -> None:
    await add(store, "edge-1", 6)

    async def ids(query: str) -> list[str]:
        answer = await api.get(f"/v1/cdrs?{query}")
        assert answer.status_code == 200, answer.text
        return [item["id"].rsplit("-", 1)[1] for item in answer.json()["items"]]

    assert await ids("station_id=CP-1") == ["6", "4", "2"]
    assert await ids("session_id=edge-1-tx-3") == ["3"]
    assert await ids("status=quarantined") == []
    assert await ids("date_from=2026-03-02T08:32:00Z&date_to=2026-03-02T09:34:00%2B01:00") == ["3", "2"]
    assert await ids("location_id=elsewhere") == []
    assert await ids("token_uid=%27%20OR%201=1%20--") == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/cdrs?limit=0", 422, "invalid_request"),
        ("/v1/cdrs?limit=501", 422, "invalid_request"),
        ("/v1/cdrs?colour=red", 422, "invalid_request"),
        ("/v1/cdrs?date_from=2026-03-02T08:00:00", 422, "invalid_request"),
        ("/v1/cdrs?evse_id=99999999999999999999", 422, "invalid_request"),
        ("/v1/cdrs?cursor=nonsense", 400, "bad_cursor"),
        ("/v1/cdrs?cursor=WzFd", 400, "bad_cursor"),
        ("/v1/cdrs?cursor=WyIyMDI2LTAzLTAyVDA4OjAwOjAwIiwiYSJd", 400, "bad_cursor"),
        ("/v1/cdrs?station_id=%00", 400, "bad_character"),
        ("/v1/cdrs/%00", 400, "bad_character"),
        ("/v1/cdrs/nothing", 404, "not_found"),
        ("/v1/nothing", 404, "not_found"),
        ("/nothing", 404, "not_found"),
    ],
)
async def test_errors_are_problem_documents(api: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    answer = await api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["type"] == f"urn:ohmstead:problem:{code}"


async def test_the_wrong_method_and_the_wrong_body(api: httpx.AsyncClient) -> None:
    answer = await api.delete("/v1/cdrs")
    assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (405, "method_not_allowed", "GET")
    answer = await api.post("/v1/tokens", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"].startswith("body")


async def test_requests_are_measured_by_the_route_and_not_by_the_name(api: httpx.AsyncClient) -> None:
    for name in range(5):
        await api.get(f"/v1/cdrs/{name}")
        await api.get(f"/{name}")
    text = (await api.get("/metrics")).text
    assert 'request_seconds_count{method="GET",route="/v1/cdrs/{cdr_id}",status="404"} 5.0' in text
    assert 'request_seconds_count{method="other",route="unmatched",status="404"} 5.0' in text
