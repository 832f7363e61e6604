"""The demo's view of the hub: a plain client of its public REST API."""

from __future__ import annotations

from typing import Any, Final

import httpx

IDLE_S: Final = 2.0
"""A connection that was idle for longer is not used again: the hub closes it after 5 s, perhaps just then."""


class HubClient:
    """Reads whole lists, page after page, and asks for what only the hub can do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = ""
        self._http = httpx.AsyncClient(base_url=url, timeout=10, limits=httpx.Limits(keepalive_expiry=IDLE_S))

    def use_key(self, key: str) -> None:
        """From now on, ask with this API key."""
        self.key = key
        self._http.headers["Authorization"] = f"Bearer {key}"

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

    async def get(self, path: str) -> dict[str, Any]:
        """One thing. Raises httpx.HTTPError."""
        return self._good(await self._http.get(f"/v1/{path}"))

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Create or ask for something. Raises httpx.HTTPError."""
        return self._good(await self._http.post(f"/v1/{path}", json=body))

    async def patch(self, path: str, **body: Any) -> dict[str, Any]:
        """Change something. Raises httpx.HTTPError."""
        return self._good(await self._http.patch(f"/v1/{path}", json=body))

    def _good(self, response: httpx.Response) -> dict[str, Any]:
        response.raise_for_status()
        document: dict[str, Any] = response.json()
        return document

    async def is_ready(self) -> bool:
        try:
            return (await self._http.get("/readyz")).status_code == 200
        except httpx.HTTPError:
            return False
