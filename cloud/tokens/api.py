"""`/v1/tokens`: who may charge. The hub's tokens reach every edge of the domain, also one that is offline now."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from cloud.rest.access import Operator, Reader
from cloud.rest.context import TheHub
from cloud.rest.fields import GivenName, Name
from cloud.rest.paging import answer, read_page
from cloud.rest.problems import Problem, documented, not_found
from cloud.tokens import queries
from protocols.ocpi.token import TokenType, token_key

Uid = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=36, pattern=r"^[ -~]+$"),
    Field(description="What the driver presents; compared without regard to case.", examples=["04A2B3C4"]),
]
_EXAMPLE: dict[str, JsonValue] = {
    "uid": "04A2B3C4",
    "contract_id": "DE-OHM-C001",
    "type": "RFID",
    "valid": True,
    "group_id": None,
    "expires_at": None,
    "visual_number": "OHM 001",
    "language": "de",
    "concurrent": False,
}


class NewToken(BaseModel):
    """A token to create (OCPI 2.2.1 §12). `valid` false is a blocked one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    uid: Uid
    contract_id: GivenName
    type: TokenType = TokenType.RFID
    valid: bool = True
    group_id: Name | None = None
    expires_at: AwareDatetime | None = None
    visual_number: Name | None = None
    language: Annotated[str, StringConstraints(pattern="^[a-z]{2}$")] | None = None
    concurrent: bool = False


class TokenChange(BaseModel):
    """What to change; `valid` false blocks the token, true lets it in again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"valid": False}]})

    valid: bool = True
    contract_id: GivenName = ""
    group_id: Name | None = None
    expires_at: AwareDatetime | None = None
    visual_number: Name | None = None
    language: Annotated[str, StringConstraints(pattern="^[a-z]{2}$")] | None = None
    concurrent: bool = False


class Token(BaseModel):
    """A token. `source` hub: the domain's, in the document of `document_version`; site: kept by one edge itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_EXAMPLE,
                    "source": "hub",
                    "edge_id": None,
                    "document_version": 7,
                    "last_updated": "2026-03-02T06:00:00Z",
                }
            ]
        }
    )

    uid: str
    contract_id: str
    type: TokenType
    valid: bool
    group_id: str | None
    expires_at: AwareDatetime | None
    visual_number: str | None
    language: str | None
    concurrent: bool
    source: Literal["hub", "site"]
    edge_id: str | None
    document_version: int | None
    last_updated: AwareDatetime


class TokenPage(BaseModel):
    """A page of tokens; `next_cursor` is null on the last one."""

    items: list[Token]
    next_cursor: str | None


async def list_tokens(hub: TheHub, who: Reader, wanted: Annotated[queries.TokenQuery, Query()]) -> Response:
    """Tokens by uid: the hub's, and those that sites keep themselves."""
    return await read_page(hub, queries.many(who.domain, wanted), wanted, queries.SORT, queries.shown)


async def create_token(hub: TheHub, who: Operator, token: NewToken) -> Response:
    """Create a token; it is on its way to every edge of the domain. `/v1/edges` shows which version each has."""
    key = token_key(token.uid)
    async with hub.store.write() as connection:
        if (await connection.execute(queries.own(who.domain, key))).one_or_none() is not None:
            raise Problem(409, "token_exists", "There is a token with this uid already; change it with PATCH.")
        await queries.add(connection, who.domain, key, token.model_dump(), hub.clock())
        document = await _own(connection, who.domain, token.uid)
    hub.down_bell.ring()
    return answer(document, 201, {"Location": f"/v1/tokens/{token.uid}"})


async def get_token(hub: TheHub, who: Reader, uid: str) -> Response:
    """One of the hub's tokens."""
    async with hub.store.read() as connection:
        return answer(await _own(connection, who.domain, uid))


async def change_token(hub: TheHub, who: Operator, uid: str, change: TokenChange) -> Response:
    """Block a token, let it in again, or change what is known of it."""
    values = change.model_dump(exclude_unset=True)
    async with hub.store.write() as connection:
        await _own(connection, who.domain, uid)
        if values:
            await queries.change(connection, who.domain, token_key(uid), values, hub.clock())
        document = await _own(connection, who.domain, uid)
    hub.down_bell.ring()
    return answer(document)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/tokens", tags=["Tokens"])
    router.get("", response_model=TokenPage, responses=documented(400))(list_tokens)
    router.post("", response_model=Token, status_code=201, responses=documented(409))(create_token)
    router.get("/{uid}", response_model=Token, responses=documented(404, 409))(get_token)
    router.patch("/{uid}", response_model=Token, responses=documented(404, 409))(change_token)
    return router


async def _own(connection: AsyncConnection, domain: int, uid: str) -> dict[str, Any]:
    """The hub's token as it is shown. Raises Problem 404, or 409 where only sites know it."""
    key = token_key(uid)
    row = (await connection.execute(queries.own(domain, key))).mappings().one_or_none()
    if row is not None:
        return queries.shown(row)
    sites = (await connection.execute(queries.of_sites(domain, key))).scalars().all()
    if sites:
        raise Problem(
            409,
            "token_of_site",
            f"This token is kept by {', '.join(sorted(sites))} itself; change it there, or create it here as well.",
        )
    raise not_found("token", uid)
