"""Who asks and what they may: an API key in `Authorization: Bearer osk_…`, with one domain and one scope."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from cloud.rest.context import TheHub
from cloud.rest.problems import Problem
from cloud.store import keys
from cloud.store.keys import Principal, Scope

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class ApiKeyBearer(HTTPBearer):
    """The scheme as OpenAPI shows it."""

    def __init__(self) -> None:
        super().__init__(
            scheme_name="ApiKey",
            bearerFormat="osk_…",
            description="An API key made with `ohmstead-cloud key create`. Scopes: read < operate < admin.",
            auto_error=False,
        )


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(ApiKeyBearer())]


async def principal(scopes: SecurityScopes, hub: TheHub, credentials: Credentials) -> Principal:
    """The valid key behind the request. Raises Problem 401 without one and 403 when its scope is too small."""
    found = await identify(hub, credentials.credentials if credentials else None)
    for needed in scopes.scopes:
        if not found.scope.includes(Scope(needed)):
            raise Problem(403, "scope_too_small", f"This needs the scope {needed}; the key has {found.scope}.")
    return found


async def identify(hub: TheHub, key: str | None) -> Principal:
    """Whose key it is. Raises Problem 401."""
    if not key:
        raise Problem(401, "key_missing", "Send an API key: Authorization: Bearer osk_…", headers=_CHALLENGE)
    async with hub.store.read() as connection:
        found = await keys.find(connection, key, hub.clock())
    if found is None:
        raise Problem(401, "key_invalid", "The key is unknown, expired or revoked.", headers=_CHALLENGE)
    return found


Reader = Annotated[Principal, Security(principal, scopes=[Scope.READ.value])]
Operator = Annotated[Principal, Security(principal, scopes=[Scope.OPERATE.value])]
Admin = Annotated[Principal, Security(principal, scopes=[Scope.ADMIN.value])]
