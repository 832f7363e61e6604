"""HTTP towards responders and services that stations name: bounded in size, and never into our own network.

Whom a station names is asked on its word alone. So only public addresses are, beside the hosts that the operator lists,
and no redirect is followed: otherwise a station could have the agent knock at doors that only the agent can reach
(CWE-918).
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from protocols.errors import BadText

MAX_CONNECTIONS: Final = 128
MAX_CONNECTIONS_PER_HOST: Final = 32
"""A responder that hangs takes no more of them."""


class Web:
    """One session; `close` it. `known_hosts` may be anywhere, all others have to be public."""

    def __init__(self, known_hosts: Collection[str]) -> None:
        self._known = frozenset(host.lower() for host in known_hosts)
        connector = aiohttp.TCPConnector(
            limit=MAX_CONNECTIONS, limit_per_host=MAX_CONNECTIONS_PER_HOST, resolver=_Resolver(self._known)
        )
        self._session = aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())

    async def close(self) -> None:
        await self._session.close()

    async def post(
        self, url: str, body: bytes, content_type: str, *, max_bytes: int, token: str | None = None
    ) -> bytes:
        """The body of a 200 answer. Raises BadText for any other one, for a URL that is not asked, and where nobody
        answers. It is the caller's to bound the time."""
        self._expect_allowed(url)
        try:
            return await self._post(url, body, content_type, max_bytes, token)
        except (aiohttp.ClientError, OSError) as error:
            raise BadText(f"{_host(url)} does not answer: {error}") from error

    async def _post(self, url: str, body: bytes, content_type: str, max_bytes: int, token: str | None) -> bytes:
        headers = {"Content-Type": content_type} | ({"Authorization": f"Bearer {token}"} if token else {})
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                raise BadText(f"{_host(url)} answers {response.status}")
            received = bytearray()
            async for chunk in response.content.iter_any():
                received += chunk
                if len(received) > max_bytes:
                    raise BadText(f"{_host(url)} sends more than {max_bytes} bytes")
            return bytes(received)

    def _expect_allowed(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadText("only http and https URLs are asked")
        if parts.username or parts.password:
            raise BadText("a URL with a password in it is not asked")
        if parts.hostname not in self._known and not _may_be_public(parts.hostname):
            raise BadText(f"{parts.hostname} is no public address and not among the hosts that may be asked")


class _Resolver(AbstractResolver):
    """Names that turn out to be inside are not found."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        self._system = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        if host.lower() in self._known:
            return found
        public = [each for each in found if _is_public(each["host"])]
        if not public:
            raise OSError(None, f"{host} has no public address and is not among the hosts that may be asked")
        return public

    async def close(self) -> None:
        await self._system.close()


def _may_be_public(host: str) -> bool:
    """An address is looked at here, a name once it is resolved."""
    try:
        ip_address(host)
    except ValueError:
        return True
    return _is_public(host)


def _is_public(address: str) -> bool:
    parsed = ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return bool(mapped.is_global) and not mapped.is_multicast


def _host(url: str) -> str:
    return urlsplit(url).hostname or "?"
