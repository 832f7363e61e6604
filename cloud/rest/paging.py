"""How rows are asked for and answered: one of them, or pages by keyset, where a cursor names the last row that was
seen, so that rows that come in meanwhile move nothing.

A cursor is opaque to clients; it holds the sort key of a row and nothing else, and the domain is always asked anew.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, RowMapping, Select, Table, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from cloud.rest.context import Hub
from cloud.rest.problems import Problem, not_found
from cloud.store.documents import to_json
from cloud.store.types import UtcTime

MAX_LIMIT: Final = 500
MAX_CURSOR_CHARS: Final = 1_000
Document = Mapping[str, Any] | bytes


class PageQuery(BaseModel):
    """The query parameters of every list; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cursor: str | None = Field(
        None, max_length=MAX_CURSOR_CHARS, description="`next_cursor` of the page before; without it, the first page."
    )
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="The most rows of a page.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The rows of a page, and the cursor of the next one, None on the last."""

    rows: Sequence[RowMapping]
    next_cursor: str | None


def narrowed(query: Select[Any], table: Table, wanted: PageQuery, *names: str) -> Select[Any]:
    """The query with those of the filters `names` that were given; each is a column of the table."""
    for name in names:
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(table.c[name] == value)
    return query


async def read_one(
    hub: Hub, query: Select[Any], show: Callable[[RowMapping], Document], noun: str, name: object
) -> Response:
    """Answer with the row of the query, which is called `name`. Raises Problem 404."""
    async with hub.store.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise not_found(noun, name)
    return answer(show(row))


async def read_page(
    hub: Hub,
    query: Select[Any],
    page: PageQuery,
    sort: Sequence[ColumnElement[Any]],
    show: Callable[[RowMapping], Document],
    *,
    is_newest_first: bool = False,
) -> Response:
    """Answer with one page of the query, each row shown on its own."""
    async with hub.store.read() as connection:
        found = await fetch_page(connection, query, page, sort, is_newest_first=is_newest_first)
    return answer_page([show(row) for row in found.rows], found.next_cursor)


async def read_page_together(
    hub: Hub,
    query: Select[Any],
    page: PageQuery,
    sort: Sequence[ColumnElement[Any]],
    show: Callable[[AsyncConnection, Sequence[RowMapping]], Awaitable[Sequence[Document]]],
    *,
    is_newest_first: bool = False,
) -> Response:
    """Answer with one page of the query, whose rows are shown together, with what else is asked for them."""
    async with hub.store.read() as connection:
        found = await fetch_page(connection, query, page, sort, is_newest_first=is_newest_first)
        documents = await show(connection, found.rows)
    return answer_page(documents, found.next_cursor)


async def fetch_page(
    connection: AsyncConnection,
    query: Select[Any],
    page: PageQuery,
    sort: Sequence[ColumnElement[Any]],
    *,
    is_newest_first: bool = False,
) -> Page:
    """Run the query page by page, sorted by `sort`, whose columns must name a row uniquely and never change."""
    if page.cursor is not None:
        values = zip(open_cursor(page.cursor, sort), sort, strict=True)
        seen = tuple_(*(literal(value, column.type) for value, column in values))
        place = tuple_(*sort)
        query = query.where(place < seen if is_newest_first else place > seen)
    query = query.order_by(*(column.desc() if is_newest_first else column for column in sort)).limit(page.limit + 1)
    rows = (await connection.execute(query)).mappings().all()
    shown = rows[: page.limit]
    has_more = len(rows) > page.limit
    return Page(rows=shown, next_cursor=seal_cursor([shown[-1][column] for column in sort]) if has_more else None)


def answer_page(documents: Sequence[Document], next_cursor: str | None) -> Response:
    items = [document if isinstance(document, bytes) else to_json(document) for document in documents]
    body = b'{"items":[' + b",".join(items) + b'],"next_cursor":' + orjson.dumps(next_cursor) + b"}"
    return Response(body, media_type="application/json")


def answer(document: Document, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """One document."""
    body = document if isinstance(document, bytes) else to_json(document)
    return Response(body, status, headers=dict(headers or {}), media_type="application/json")


def seal_cursor(values: Sequence[Any]) -> str:
    """A place in a list, for `open_cursor`."""
    return base64.urlsafe_b64encode(to_json(list(values))).rstrip(b"=").decode()


def open_cursor(cursor: str, sort: Sequence[ColumnElement[Any]]) -> list[Any]:
    """The sort key in a cursor, of the types of these columns. Raises Problem 400."""
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(sort):
            raise ValueError(cursor)
        return [_typed(value, column) for value, column in zip(values, sort, strict=True)]
    except (ValueError, TypeError, binascii.Error) as error:
        raise Problem(400, "bad_cursor", "The cursor is none that this list has given.") from error


def _typed(value: object, column: ColumnElement[Any]) -> object:
    if isinstance(column.type, UtcTime):
        at = datetime.fromisoformat(str(value))
        if at.tzinfo is None:
            raise ValueError(value)
        return at
    if not isinstance(value, column.type.python_type) or isinstance(value, bool):
        raise TypeError(value)
    if isinstance(value, str) and "\x00" in value:
        raise ValueError(value)
    return value
