"""What each edge is to know of customers and contracts, and of what the other edges have posted to them, as a list:
see parted_lists.

The balances are others for each edge, so each has a version of its own: an edge that is alone in its domain hears of
changed customers alone. What was posted is told every `BALANCES_EVERY`; what was held and released meanwhile is
nobody's news.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

import structlog
from pydantic import TypeAdapter
from sqlalchemy import Select, Table, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.parted_lists import Parts
from cloud.store import account_book
from cloud.store.accounts import ACCOUNTS, CONTRACTS, CUSTOMERS
from cloud.store.engine import Store
from cloud.store.money_tables import (
    account_books,
    account_totals,
    contracts,
    customers,
    desired_accounts,
    removed_accounts,
    shared_balances,
)
from cloud.store.tables import edge_documents, edges
from protocols.errors import BadEntry
from protocols.ocpi.customer import Contract, Customer
from protocols.sync.account_lists import (
    ACCOUNT_LISTS,
    AccountItem,
    balance_hash,
    contract_hash,
    customer_hash,
    in_heaps,
    part_of,
)
from protocols.sync.codec import encode
from protocols.sync.down import DesiredAccounts
from protocols.sync.lists import total, written
from protocols.sync.topics import EdgeAddress

T = TypeVar("T")
BALANCES_EVERY: Final = timedelta(seconds=10)
SUMS_AT_ONCE: Final = 1_000
ROWS_AT_ONCE: Final = 500


# --- what was posted becomes what is told ---


async def renew(store: Store, now: datetime) -> None:
    """Give a new version to each edge for which the accounts say something else by now."""
    async with store.read() as connection:
        domains = (await connection.execute(_domains_due(now))).scalars().all()
        ahead = (await connection.execute(_ahead())).all()
    for domain in domains:
        while await _tell_some(store, domain, now) == SUMS_AT_ONCE:
            pass
    for row in ahead:
        async with store.write() as connection:
            await account_book.want_anew(connection, row.domain, row.edge_id)


async def _tell_some(store: Store, domain: int, now: datetime) -> int:
    """The book is held first, and then the sums that nobody is about to change: who posts waits for a moment at most,
    and nobody waits for who posts. What is changed from here on is due again."""
    due = (
        select(account_totals)
        .where(account_totals.c.domain == domain, account_totals.c.is_due.is_(True))
        .order_by(account_totals.c.account)
        .limit(SUMS_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    async with store.write() as connection:
        await account_book.hold(connection, domain)
        rows = (await connection.execute(due)).all()
        await account_book.tell(connection, domain, rows, None)
        if rows:
            told = [{"of": row.account, "in": row.currency, "at": row.edge_id} for row in rows]
            await connection.execute(_NOT_DUE.where(account_totals.c.domain == domain), told)
        await connection.execute(update(account_books).where(account_books.c.domain == domain).values(told_at=now))
    return len(rows)


_NOT_DUE: Final = (
    update(account_totals)
    .where(
        account_totals.c.account == bindparam("of"),
        account_totals.c.currency == bindparam("in"),
        account_totals.c.edge_id == bindparam("at"),
    )
    .values(is_due=False)
)


def _domains_due(now: datetime) -> Select[Any]:
    rested = or_(account_books.c.told_at.is_(None), account_books.c.told_at <= now - BALANCES_EVERY)
    due = exists().where(account_totals.c.domain == account_books.c.domain, account_totals.c.is_due.is_(True))
    return select(account_books.c.domain).where(rested, due)


def _ahead() -> Select[Any]:
    """Edges that have a newer version than this database remembers."""
    joined = _applied_and_wanted(edges)
    return select(edges.c.domain, edges.c.edge_id).select_from(joined).where(edge_documents.c.version > _WANTED)


_WANTED: Final = func.coalesce(desired_accounts.c.version, account_books.c.version)


def _applied_and_wanted(table: Table) -> Any:
    own = and_(desired_accounts.c.domain == table.c.domain, desired_accounts.c.edge_id == table.c.edge_id)
    applied = and_(
        edge_documents.c.domain == table.c.domain,
        edge_documents.c.edge_id == table.c.edge_id,
        edge_documents.c.name == ACCOUNTS,
    )
    book = account_books.c.domain == table.c.domain
    return table.join(account_books, book).outerjoin(desired_accounts, own).outerjoin(edge_documents, applied)


# --- what is told becomes messages ---


@dataclass(frozen=True, slots=True)
class _People:
    """All customers and contracts of the hub, as of a version of the book, and what they add to a digest."""

    version: int
    customers: Sequence[Customer]
    contracts: Sequence[Contract]
    total: int


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a domain's book stands, for one edge: `posted` is what the balances of all others add to its digest."""

    version: int
    book: int
    total: str | None
    posted: int


class AccountSource:
    """A ListSource. All customers are read once for all edges that want the whole at a time."""

    name: Final = ACCOUNTS
    understood: Final = ACCOUNT_LISTS

    def __init__(self, store: Store) -> None:
        self._store = store
        self._people: dict[int, _People] = {}

    def wanting(self) -> Select[Any]:
        """The edges that have not applied the version that they are wanted to have."""
        return (
            select(
                *(edges.c.domain, edges.c.edge_id, edges.c.status, edges.c.status_broker, _WANTED.label("version")),
                *(edge_documents.c.version.label("applied"), edge_documents.c.refused_version),
            )
            .select_from(_applied_and_wanted(edges))
            .where(or_(edge_documents.c.version.is_(None), edge_documents.c.version < _WANTED))
        )

    async def parts(self, address: EdgeAddress, since: int | None, now: datetime) -> Parts:
        async with self._store.snapshot() as connection:
            stand = await _stand(connection, address)
            if since is None or stand.total is None:
                people = await self._everybody(connection, address.domain, stand.book)
                balances = await _balances(connection, address, None)
                items: list[AccountItem] = [*people.customers, *people.contracts, *balances.items()]
                added, posted, since = people.total, await _added_up(balances), None
            else:
                items = await _changed(connection, address, since)
                added, posted = int(stand.total, 16), stand.posted
        if (written(added), posted) != (stand.total, stand.posted):
            await self._correct(address.domain, stand, added, posted)
        digest = written(added + posted)
        heaps = []
        for heap in in_heaps(items):
            heaps.append(heap)
            await asyncio.sleep(0)

        async def payloads() -> AsyncIterator[bytes]:
            for number, heap in enumerate(heaps, 1):
                yield encode(part_of(heap, stand.version, since, number, len(heaps), digest, now))

        return Parts(stand.version, since is None, payloads())

    async def in_one(self, address: EdgeAddress, now: datetime) -> tuple[int, bytes | None]:
        """One that no edge could read is not sent: they keep the last one, and nothing else of theirs is held up."""
        async with self._store.snapshot() as connection:
            stand = await _stand(connection, address)
            people = await self._everybody(connection, address.domain, stand.book)
            balances = await _balances(connection, address, None)
        document = DesiredAccounts(
            version=stand.version,
            customers=tuple(people.customers),
            contracts=tuple(people.contracts),
            balances=balances,
            as_of=now,
        )
        try:
            return stand.version, encode(document)
        except BadEntry as error:
            structlog.get_logger().error("accounts_too_long", edge_id=address.edge_id, reason=error.reason)
            return stand.version, None

    async def wanted(self, address: EdgeAddress) -> tuple[int, str | None]:
        async with self._store.snapshot() as connection:
            stand = await _stand(connection, address)
        digest = None if stand.total is None else written(int(stand.total, 16) + stand.posted)
        return stand.version, digest

    def rest(self) -> None:
        self._people.clear()

    async def _everybody(self, connection: AsyncConnection, domain: int, version: int) -> _People:
        people = self._people.get(domain)
        if people is None or people.version != version:
            theirs = await _read(connection, _documents(customers, domain), CUSTOMERS)
            terms = await _read(connection, _documents(contracts, domain), CONTRACTS)
            added_up = 0
            for at in range(0, len(theirs), ROWS_AT_ONCE):
                added_up = total(map(customer_hash, theirs[at : at + ROWS_AT_ONCE]), added_up)
                await asyncio.sleep(0)
            for at in range(0, len(terms), ROWS_AT_ONCE):
                added_up = total(map(contract_hash, terms[at : at + ROWS_AT_ONCE]), added_up)
                await asyncio.sleep(0)
            people = self._people[domain] = _People(version, theirs, terms, added_up)
        return people

    async def _correct(self, domain: int, stand: _Stand, added: int, posted: int) -> None:
        """The total was not known, or somebody changed rows beside the book: it is what all rows came to, where the
        book is as it was then."""
        if stand.total is not None or posted != stand.posted:
            structlog.get_logger().error("accounts_total_wrong", domain=domain, version=stand.book)
        same = and_(account_books.c.domain == domain, account_books.c.version == stand.book)
        async with self._store.write() as connection:
            await account_book.hold(connection, domain)
            await connection.execute(update(account_books).where(same).values(total=written(added)))
            if posted != stand.posted:
                await account_book.reckon_posted(connection, domain)


async def _stand(connection: AsyncConnection, address: EdgeAddress) -> _Stand:
    book = select(account_books).where(account_books.c.domain == address.domain)
    own = select(desired_accounts).where(desired_accounts.c.domain == address.domain)
    found = (await connection.execute(book)).one_or_none()
    if found is None:
        return _Stand(0, 0, None, 0)
    rows = (await connection.execute(own)).all()
    version = next((row.version for row in rows if row.edge_id == address.edge_id), found.version)
    posted = total(int(row.posted, 16) for row in rows if row.edge_id != address.edge_id)
    return _Stand(version, found.version, found.total, posted)


async def _changed(connection: AsyncConnection, address: EdgeAddress, since: int) -> list[AccountItem]:
    domain = address.domain
    gone = select(removed_accounts).where(
        removed_accounts.c.domain == domain, removed_accounts.c.document_version > since
    )
    removed = [(row.kind, row.id) for row in await connection.execute(gone)]
    people, terms = (
        _documents(table, domain).where(table.c.document_version > since) for table in (customers, contracts)
    )
    told = await _read(connection, people, CUSTOMERS)
    signed = await _read(connection, terms, CONTRACTS)
    posted = await _balances(connection, address, since)
    return [*removed, *told, *signed, *posted.items()]


async def _balances(connection: AsyncConnection, address: EdgeAddress, since: int | None) -> dict[str, Decimal]:
    """By contract: what the other edges posted to it. All that are not zero, or those that changed since a version."""
    of_others = and_(shared_balances.c.domain == address.domain, shared_balances.c.edge_id != address.edge_id)
    query = select(shared_balances.c.contract_id, shared_balances.c.amount).where(of_others)
    if since is not None:
        newer = select(shared_balances.c.contract_id).where(of_others, shared_balances.c.document_version > since)
        query = query.where(shared_balances.c.contract_id.in_(newer))
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    async for some in _rows(connection, query.order_by(shared_balances.c.contract_id)):
        for contract_id, amount in some:
            sums[contract_id] += amount
    return {contract_id: amount for contract_id, amount in sums.items() if amount or since is not None}


async def _added_up(balances: dict[str, Decimal]) -> int:
    """What balances add to a digest."""
    added_up, told = 0, list(balances.items())
    for at in range(0, len(told), ROWS_AT_ONCE):
        added_up = total((balance_hash(*each) for each in told[at : at + ROWS_AT_ONCE]), added_up)
        await asyncio.sleep(0)
    return added_up


def _documents(table: Table, domain: int) -> Select[Any]:
    return select(table.c.document).where(table.c.domain == domain, table.c.source == "hub").order_by(table.c.id)


async def _read(connection: AsyncConnection, query: Select[Any], kind: TypeAdapter[T]) -> list[T]:
    return [kind.validate_json(document) async for some in _rows(connection, query) for (document,) in some]


async def _rows(connection: AsyncConnection, query: Select[Any]) -> AsyncIterator[Sequence[Any]]:
    """Some at a time, so that others have their turn."""
    async with connection.stream(query, execution_options={"yield_per": ROWS_AT_ONCE}) as rows:
        async for some in rows.partitions():
            yield some
