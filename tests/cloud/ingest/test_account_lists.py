"""Edges that take accounts in parts are told what changed, and come to what the hub has, whatever is lost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from cloud.ingest import balances, desired_accounts
from cloud.ingest.batches import store_batch
from cloud.ingest.desired_accounts import AccountSource, renew
from cloud.ingest.parted_lists import RESEND_AFTER, PartedLists
from cloud.ingest.presence import store_birth, store_state
from cloud.store import money_tables
from cloud.store.account_book import put_contract, put_customer, remove_contract, remove_customer
from cloud.store.accounts import customer_row
from cloud.store.engine import Store
from cloud.store.money_tables import account_books, account_totals, contracts, customers
from edge.domain.account_changes import accounts_digest
from edge.uplink.list_parts import account_parts
from protocols.money import ZERO
from protocols.ocpi.customer import Billing, Contract, Customer, Vehicle
from protocols.sync import lists
from protocols.sync.account_lists import ACCOUNT_LISTS, AccountsPart
from protocols.sync.codec import decode
from protocols.sync.down import DesiredAccounts
from protocols.sync.present import EdgeState
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import DocumentApplied, Entry
from tests.cloud.conftest import StartHub
from tests.cloud.edge_double import connected
from tests.cloud.samples import EDGE, EPOCH, batch, birth, minute
from tests.edge.domain.site_kit import Play
from tests.kit import Broker, wait_until

OTHER = EdgeAddress(0, "edge-2")
ANNA = Customer(id="K1", name="Anna Müller", vehicles=(Vehicle(plate="B-AM 1"),))
WALLET = Contract(id="C-1", customer_id="K1", billing=Billing.PREPAID, currency="EUR", offline_limit=Decimal("50.00"))


@dataclass
class Site:
    """An edge: the real decisions behind the real parts; what it says is told to the hub."""

    store: Store
    address: EdgeAddress
    play: Play = field(default_factory=Play)
    seq: int = 0
    sent: list[tuple[str, bytes, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parts = account_parts()
        self.lists = PartedLists(self.store, "here", self.publish, AccountSource(self.store))

    async def publish(self, topic: str, payload: bytes, is_retained: bool) -> None:
        if topic.startswith(self.address.prefix):
            self.sent.append((topic, payload, is_retained))

    def heard(self) -> list[AccountsPart]:
        found = [decode(AccountsPart, each) for topic, each, _ in self.sent if topic == self.address.part("accounts")]
        self.sent.clear()
        return found

    async def is_born(self, now: datetime) -> None:
        digests = {"accounts": accounts_digest(self.play.site)} if "accounts" in self.play.site.documents else {}
        met = replace(
            birth(self.address, at=now),
            understands=(ACCOUNT_LISTS,),
            documents=dict(self.play.site.documents),
            digests=digests,
        )
        await store_birth(self.store, self.address, met, now, is_first=True)
        await store_state(self.store, self.address, EdgeState(status="online", epoch=EPOCH), now, broker="here")
        self.lists.forget(self.address)
        self.parts.forget()

    async def takes(self, parts: list[AccountsPart], now: datetime) -> None:
        self.play.now = now
        for part in parts:
            listed = self.parts.take(part)
            if listed is not None:
                self.play.tell(listed)
        for body in self.play.found(DocumentApplied):
            self.seq += 1
            entry = Entry(stream=Stream.EVENT, seq=self.seq, at=now, body=body)
            await store_batch(self.store, self.address, batch([entry]), now)
        self.play.entries.clear()

    async def syncs(self, now: datetime) -> None:
        await renew(self.store, now)
        await self.lists.flush(now)
        await self.takes(self.heard(), now)


async def change(store: Store, *items: Customer | Contract) -> None:
    async with store.write() as connection:
        for item in items:
            if isinstance(item, Customer):
                await put_customer(connection, 0, item, minute(0))
            else:
                await put_contract(connection, 0, item, minute(0))


async def post(store: Store, edge: EdgeAddress, amount: str, contract_id: str = "C-1") -> None:
    name = f"{edge.edge_id}"
    posting = {"domain": 0, "edge_id": edge.edge_id, "posting_id": name, "currency": "EUR"}
    leg = {"posting_id": name, "account": f"customer:{contract_id}", "amount": Decimal(amount)}
    async with store.write() as connection:
        await balances.add(connection, [posting], [leg])


async def test_first_all_of_it_then_what_changed(store: Store) -> None:
    here, there = Site(store, EDGE), Site(store, OTHER)
    for site in (here, there):
        await site.is_born(minute(1))
    await change(store, ANNA, WALLET)
    await here.lists.flush(minute(2))
    assert here.sent[0] == (EDGE.desired("accounts"), b"", True), "what a hub of before retained is void"
    (whole,) = here.heard()
    assert (whole.since, whole.customers, whole.contracts, whole.balances) == (None, (ANNA,), (WALLET,), {})
    await here.takes([whole], minute(2))
    await there.syncs(minute(2))
    await change(store, replace(WALLET, valid=False))
    await here.lists.flush(minute(3))
    assert len(here.sent[-1][1]) < 600
    (changed,) = here.heard()
    assert (changed.since, changed.customers, changed.contracts) == (whole.version, (), (replace(WALLET, valid=False),))
    await here.takes([changed], minute(3))
    await there.syncs(minute(3))
    await post(store, OTHER, "-20.00")
    await renew(store, minute(4))
    await here.lists.flush(minute(4))
    assert len(here.sent[-1][1]) < 400
    (posted,) = here.heard()
    assert (posted.since, posted.contracts, posted.balances) == (changed.version, (), {"C-1": Decimal("-20.00")})
    await here.takes([posted], minute(4))
    assert here.play.site.accounts.elsewhere == {"C-1": Decimal("-20.00")}
    await there.lists.flush(minute(4))
    assert there.heard() == [], "an edge is not told of itself"


async def test_a_contract_that_is_taken_away_goes_with_its_balance(store: Store) -> None:
    here = Site(store, EDGE)
    await here.is_born(minute(1))
    await change(store, ANNA, WALLET, replace(WALLET, id="C-2"))
    await post(store, OTHER, "-20.00")
    await here.syncs(minute(2))
    assert here.play.site.accounts.elsewhere == {"C-1": Decimal("-20.00")}
    async with store.write() as connection:
        await remove_contract(connection, 0, "C-1")
        await remove_contract(connection, 0, "C-2")
        await remove_customer(connection, 0, "K1")
    await here.lists.flush(minute(3))
    (gone,) = here.heard()
    assert (gone.since is not None, gone.removed_customers, set(gone.removed_contracts)) == (
        True,
        ("K1",),
        {"C-1", "C-2"},
    )
    await here.takes([gone], minute(3))
    book = here.play.site.accounts
    assert (book.hub, book.hub_customers, book.elsewhere) == ({}, {}, {})
    await change(store, ANNA, WALLET)
    await here.syncs(minute(4))
    assert book.elsewhere == {"C-1": Decimal("-20.00")}, "known again with the contract"


async def test_rows_that_were_changed_beside_the_book_come_with_the_whole(store: Store) -> None:
    """As by somebody's SQL: what changed does not lead there, so the whole is asked for, and is right from then on."""
    here = Site(store, EDGE)
    await here.is_born(minute(1))
    await change(store, ANNA, WALLET)
    await here.syncs(minute(2))
    mine = {"domain": 0, "source": "hub", "edge_id": "", "updated_at": minute(2), "document_version": 1}
    async with store.write() as connection:
        await connection.execute(insert(customers), mine | customer_row(replace(ANNA, id="K2")))
    await change(store, replace(WALLET, valid=False))
    await here.syncs(minute(3))
    assert here.play.site.accounts.hub["C-1"].valid is False, "as far as the book knows"
    here.play.site.accounts.hub_total = None
    here.play.site.accounts.hub_customers["K9"] = 9
    await change(store, WALLET)
    for at in (4, 5):
        await here.syncs(minute(at))
    assert here.play.site.accounts.hub_customers.keys() == {"K1", "K2"}
    await change(store, replace(WALLET, valid=False))
    await here.lists.flush(minute(6))
    (changed,) = here.heard()
    await here.takes([changed], minute(6))
    assert (changed.since is not None, here.play.site.accounts.hub["C-1"].valid) == (True, False)


async def test_sums_that_were_changed_beside_the_book_are_reckoned_anew(store: Store) -> None:
    here, there = Site(store, EDGE), Site(store, OTHER)
    await change(store, ANNA, WALLET)
    for site in (here, there):
        await site.is_born(minute(1))
        await post(store, site.address, "-20.00")
        await site.syncs(minute(1))
    async with store.write() as connection:
        await connection.execute(update(money_tables.desired_accounts).values(posted="0" * 31 + "7"))
    await change(store, replace(WALLET, valid=False))
    for at in (2, 3):
        await here.syncs(minute(at))
    assert here.play.site.accounts.hub["C-1"].valid is False
    await post(store, OTHER, "-1.00")
    await renew(store, minute(4))
    await here.lists.flush(minute(4))
    (posted,) = here.heard()
    await here.takes([posted], minute(4))
    assert (posted.since is not None, here.play.site.accounts.elsewhere) == (True, {"C-1": Decimal("-21.00")})


async def test_a_hub_of_before_knows_no_total_and_sends_the_whole(store: Store) -> None:
    here = Site(store, EDGE)
    await here.is_born(minute(1))
    await change(store, ANNA, WALLET)
    await here.syncs(minute(2))
    async with store.write() as connection:
        await connection.execute(update(account_books).values(total=None))
    await change(store, replace(WALLET, valid=False))
    await here.lists.flush(minute(3))
    (whole,) = here.heard()
    assert whole.since is None
    await here.takes([whole], minute(3))
    await change(store, WALLET)
    await here.lists.flush(minute(4))
    assert [each.since for each in here.heard()] == [whole.version]


async def test_another_book_under_the_same_version_is_replaced(store: Store) -> None:
    here = Site(store, EDGE)
    await here.is_born(minute(1))
    await change(store, ANNA, WALLET)
    await here.syncs(minute(2))
    await here.is_born(minute(3))
    await here.lists.flush(minute(3))
    assert here.heard() == []
    here.play.site.accounts.hub.clear()
    here.play.site.accounts.hub_total = None
    await here.is_born(minute(4))
    await here.syncs(minute(4))
    assert here.play.site.accounts.hub == {"C-1": WALLET}


@pytest.mark.parametrize("seed", range(6))
async def test_edges_come_to_what_the_hub_has(store: Store, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Customers, contracts, postings change while parts are lost, doubled, mixed up and late, and edges come again."""
    monkeypatch.setattr(lists, "MAX_PART_BYTES", 600)
    monkeypatch.setattr(desired_accounts, "BALANCES_EVERY", timedelta(minutes=1))
    random, sites = Random(seed), [Site(store, EDGE), Site(store, OTHER), Site(store, EdgeAddress(0, "edge-3"))]
    at, late = 1.0, dict[str, list[AccountsPart]]()
    for site in sites:
        await site.is_born(minute(at))
    await change(store, ANNA)
    for _ in range(60):
        at += random.choice((0.1, 0.5, 2))
        site = random.choice(sites)
        match random.choice(("contract", "customer", "gone", "post", "post", "post", "sync", "sync", "sync", "born")):
            case "contract":
                await change(store, replace(WALLET, id=f"C-{random.randrange(5)}", payment_days=random.randrange(9)))
            case "customer":
                await change(store, Customer(id=f"K{random.randrange(1, 4)}", name=f"N{random.random()}"))
            case "gone":
                async with store.write() as connection:
                    await remove_contract(connection, 0, f"C-{random.randrange(5)}")
            case "post":
                await post(
                    store,
                    site.address,
                    f"{random.randrange(-900, 900)}.{random.randrange(100):02}",
                    f"C-{random.randrange(5)}",
                )
            case "born":
                await site.is_born(minute(at))
            case _:
                await renew(store, minute(at))
                await site.lists.flush(minute(at))
                found = site.heard()
                if random.random() < 0.3:
                    late[site.address.edge_id] = found
                    found = found[: random.randrange(2)]
                if random.random() < 0.3:
                    found = [*late.get(site.address.edge_id, []), *reversed(found), *found]
                before = book_of(site)
                await site.takes(found, minute(at))
                assert site.play.site.documents.get("accounts", 0) > 0 or book_of(site) == before
    for site in sites:
        await site.takes(late.get(site.address.edge_id, []), minute(at))
    at += RESEND_AFTER.total_seconds() / 60 + 1
    for _ in range(4):
        at += RESEND_AFTER.total_seconds() / 60 + 1
        for site in sites:
            await site.syncs(minute(at))
    async with store.read() as connection:
        ids = set((await connection.execute(select(contracts.c.id))).scalars())
    for site in sites:
        book = site.play.site.accounts
        assert book.hub.keys() == ids
        assert book.elsewhere == await posted_elsewhere(store, site.address, ids)
        wanted = await AccountSource(store).wanted(site.address)
        assert (site.play.site.documents["accounts"], accounts_digest(site.play.site)) == wanted
        book.hub_total = None
        assert accounts_digest(site.play.site) == wanted[1], "as it was carried on is as it is reckoned anew"


def book_of(site: Site) -> Any:
    book = site.play.site.accounts
    return dict(book.hub), dict(book.hub_customers), dict(book.elsewhere)


async def posted_elsewhere(store: Store, address: EdgeAddress, ids: set[str]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    async with store.read() as connection:
        for row in await connection.execute(select(account_totals)):
            contract_id = row.account.removeprefix("customer:")
            if row.edge_id != address.edge_id and contract_id in ids:
                sums[contract_id] = sums.get(contract_id, ZERO) + row.amount
    return {contract_id: amount for contract_id, amount in sums.items() if amount}


async def test_an_edge_of_before_gets_all_in_one_message(store: Store) -> None:
    site = Site(store, EDGE)
    await store_birth(store, EDGE, birth(), minute(1), is_first=True)
    await change(store, ANNA, WALLET)
    await post(store, OTHER, "-20.00")
    await renew(store, minute(2))
    await site.lists.flush(minute(2))
    ((topic, payload, is_retained),) = site.sent
    assert (topic, is_retained) == (EDGE.desired("accounts"), True)
    told = decode(DesiredAccounts, payload)
    assert (told.customers, told.contracts, told.balances) == ((ANNA,), (WALLET,), {"C-1": Decimal("-20.00")})
    site.sent.clear()
    await site.lists.flush(minute(2) + RESEND_AFTER)
    assert site.sent == [], "the broker has it"


async def test_by_rest_and_broker(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.is_born(replace(birth(), understands=(ACCOUNT_LISTS,)))
        await edge.acked(Stream.EVENT, 0)
        assert (await client.post("/v1/customers", json={"id": "K1", "name": "Anna"})).status_code == 201
        await wait_until(lambda: bool(edge.account_parts))
        (part,) = edge.account_parts
        assert ([each.id for each in part.customers], part.since, edge.accounts) == (["K1"], None, [])
