"""The demo's view of the hub: a plain client of its public REST API."""

from __future__ import annotations

from typing import Any

import httpx


class HubClient:
    """Reads whole lists, page after page."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self._http = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=10)

    async def close(self) -> None:
        await self._http.aclose()

    async def all(self, resource: str, **filters: str) -> list[dict[str, Any]]:
        """Every item of a list. Raises httpx.HTTPError."""
        items: list[dict[str, Any]] = []
        parameters: dict[str, str] = {"limit": "200", **filters}
        while True:
            response = await self._http.get(f"/v1/{resource}", params=parameters)
            response.raise_for_status()
            page = response.json()
            items += page["items"]
            if not page.get("next_cursor"):
                return items
            parameters["cursor"] = page["next_cursor"]

    async def is_ready(self) -> bool:
        try:
            return (await self._http.get("/readyz")).status_code == 200
        except httpx.HTTPError:
            return False
