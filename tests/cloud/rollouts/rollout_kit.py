"""A fleet at the hub, a driver with a clock that is put forward, and what edges would tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson
from sqlalchemy import insert, select, update

from cloud.live import Bell
from cloud.metrics import Metrics
from cloud.rollouts.driver import Driver
from cloud.store.engine import Store
from cloud.store.station_tables import job_steps
from cloud.store.tables import charging_stations, commands, edge_documents, edges, feed, locations
from tests.cloud.rest_kit import OWN
from tests.cloud.samples import minute

RESET = {"kind": "operation", "operation": {"operation": "reset"}}


async def bring_fleet(store: Store, stations: dict[str, Sequence[str]], domain: int = OWN, zone: str = "UTC") -> None:
    """Edges with their stations."""
    place = {"country_code": "DE", "party_id": "OHM", "time_zone": zone, "address": "", "city": "", "country": "DEU"}
    async with store.write() as connection:
        for edge_id, names in stations.items():
            here = {"domain": domain, "edge_id": edge_id, "location_id": f"at-{edge_id}"}
            await connection.execute(insert(edges).values(**here, status="online", heard_at=minute(0)))
            its = {"domain": domain, "id": f"at-{edge_id}", "edge_id": edge_id, "name": "", "updated_at": minute(0)}
            await connection.execute(insert(locations).values(**its, **place))
            told = {"vendor": "Volt", "model": "V2", "firmware_version": "1.2", "is_online": True}
            rows = [{**here, "station_id": name, **told} for name in names]
            await connection.execute(insert(charging_stations), rows)


@dataclass(slots=True)
class World:
    """The hub's rollouts over a database. `now` is the hub's clock, as far as the driver is asked."""

    store: Store
    api: httpx.AsyncClient
    now: datetime = field(default_factory=lambda: minute(120))

    def driver(self) -> Driver:
        return Driver(store=self.store, clock=lambda: self.now, feed_bell=Bell(), down_bell=Bell(), metrics=Metrics())

    async def begin(self, **order: Any) -> str:
        answer = await self.api.post("/v1/rollouts", json={"to": {"model": "V2"}, "what": RESET, **order})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def move(self, **later: float) -> None:
        """Put the clock forward, and look twice: what one look has heard may be told in the next."""
        self.now += timedelta(**later)
        for _ in range(2):
            await self.driver().move_all()

    async def ask(self, rollout_id: str, verb: str, **params: Any) -> httpx.Response:
        return await self.api.post(f"/v1/rollouts/{rollout_id}/{verb}", params=params)

    async def shown(self, rollout_id: str) -> dict[str, Any]:
        answer = await self.api.get(f"/v1/rollouts/{rollout_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def targets(self, rollout_id: str) -> list[dict[str, Any]]:
        answer = await self.api.get(f"/v1/rollouts/{rollout_id}/targets", params={"limit": 500})
        return list(answer.json()["items"])

    async def states(self, rollout_id: str) -> dict[str, str]:
        return {each["station_id"] or each["edge_id"]: each["state"] for each in await self.targets(rollout_id)}

    async def told(self) -> list[dict[str, Any]]:
        """All commands that there are, in the order of their targets."""
        async with self.store.read() as connection:
            query = select(commands).order_by(commands.c.issued_at, commands.c.edge_id, commands.c.station_id)
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def outcome(self, station_id: str, status: str, detail: str = "", **result: Any) -> None:
        """What the journal brings of the open command of a station, or of an edge where there is no such."""
        at = (commands.c.station_id == station_id) | (
            commands.c.station_id.is_(None) & (commands.c.edge_id == station_id)
        )
        told = {"status": status, "detail": detail, "result": orjson.dumps(result).decode() if result else None}
        async with self.store.write() as connection:
            done = update(commands).where(at, commands.c.status.in_(("queued", "sent", "expired")))
            changed = await connection.execute(done.values(**told, finished_at=self.now))
        assert changed.rowcount == 1, f"{station_id} was told {changed.rowcount} times"

    async def all_done(self) -> None:
        """Every command that is open was executed."""
        async with self.store.write() as connection:
            await connection.execute(
                update(commands).where(commands.c.status.in_(("queued", "sent"))).values(status="accepted")
            )

    async def job_step(self, job_id: str, station_id: str, status: str, attempt: int = 1, detail: str = "") -> None:
        row = {"domain": OWN, "job_id": job_id, "station_id": station_id, "status": status, "changed_at": self.now}
        async with self.store.write() as connection:
            await connection.execute(insert(job_steps).values(**row, attempt=attempt, detail=detail))

    async def applied(self, edge_id: str, version: int, refused: int | None = None, problem: str | None = None) -> None:
        row = {"domain": OWN, "edge_id": edge_id, "name": "tariffs", "epoch": "e", "at": self.now}
        async with self.store.write() as connection:
            mine = (edge_documents.c.edge_id == edge_id, edge_documents.c.name == "tariffs")
            changed = await connection.execute(
                update(edge_documents).where(*mine).values(version=version, refused_version=refused, problem=problem)
            )
            if not changed.rowcount:
                await connection.execute(
                    insert(edge_documents).values(**row, version=version, refused_version=refused, problem=problem)
                )

    async def events(self, kind: str) -> list[dict[str, Any]]:
        async with self.store.read() as connection:
            rows = await connection.execute(select(feed.c.data).where(feed.c.kind == kind).order_by(feed.c.cursor))
            return [orjson.loads(row.data) for row in rows]
