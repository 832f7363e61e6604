"""A provider that misbehaves, over real sockets: whatever it does, money is posted as it was taken, and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from edge.domain.events import Ticked
from edge.payments.breaker import OPENS_AFTER, Breaker
from edge.payments.http_provider import HttpProvider, HttpProviderSettings
from edge.ports import ProviderDown
from firmware_sim.provider.till_book import Behaviour
from protocols.errors import BadText
from protocols.sync.payments import Mismatch, PaymentMethod, PaymentState
from tests.edge.payments.shop import Provider, Shop
from tests.kit import free_port, wait_until

TAKEN, FAILED, UNKNOWN = PaymentState.TAKEN, PaymentState.FAILED, PaymentState.UNKNOWN


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    async with asyncio.TaskGroup() as tasks:
        await made.start(tasks)
        yield made
        await made.stop()


@pytest.fixture
def shop(tmp_path: Path, provider: Provider) -> Shop:
    made = Shop(tmp_path, provider)
    provider.now = lambda: made.now
    return made


async def test_a_card_payment_is_taken_when_its_provider_says_so(shop: Shop) -> None:
    async with shop.open():
        paid = await shop.becomes(await shop.pay("12.50"), TAKEN)
        assert (paid.provider_ref, shop.owed, shop.provider.took) == ("SIM-1", Decimal("12.50"), Decimal("12.50"))


async def test_one_that_answers_twice_is_posted_once(shop: Shop) -> None:
    shop.provider.behave(Behaviour.TWICE)
    async with shop.open():
        paid = await shop.becomes(await shop.pay("5"), TAKEN)
        shop.provider.book.tell(paid.payment_id)
        await shop.becomes(await shop.pay("6"), TAKEN)
        assert shop.owed == 11


async def test_one_that_refuses_takes_nothing(shop: Shop) -> None:
    shop.provider.behave(Behaviour.REFUSES)
    async with shop.open():
        paid = await shop.becomes(await shop.pay("5"), FAILED)
        assert (paid.text, shop.owed) == ("declined by the bank", 0)


async def test_a_late_answer_comes_in_when_it_comes(shop: Shop) -> None:
    shop.provider.behave(Behaviour.LATE, 100)
    async with shop.open():
        paid = await shop.pay("5")
        await wait_until(lambda: shop.provider.book.payments)
        assert shop.owed == 0
        shop.now += timedelta(seconds=101)
        await shop.becomes(paid, TAKEN)
        assert shop.owed == 5


async def test_one_that_never_answers_is_unknown_until_the_list_settles_it(shop: Shop) -> None:
    shop.provider.behave(Behaviour.NEVER)
    async with shop.open():
        paid = await shop.pay("5")
        await wait_until(lambda: shop.provider.took == 5)
        shop.provider.behave(Behaviour.LOST)
        lost = await shop.pay("7")
        await wait_until(lambda: len(shop.provider.book.payments) == 2)
        day = shop.now.date()
        shop.now += shop.rules.answer_within + timedelta(seconds=1)
        await shop.agent.ask(Ticked())
        await shop.becomes(paid, UNKNOWN)
        await shop.becomes(lost, UNKNOWN)
        assert (shop.owed, len(shop.agent.site.alarms)) == (0, 2)
        found = await shop.reconciler.reconcile("terminal", day, "ben")
        assert [(each.mismatch, each.is_settled) for each in found.differences] == [(Mismatch.MISSING_HERE, True)]
        again = await shop.reconciler.reconcile("terminal", day, "ben")
        assert (again.matched, again.differences) == (1, ())
        assert shop.owed == 5
        # The provider is still at the other one: it may yet take it. Given up there, it never was.
        shop.provider.book.cancel(lost.payment_id, shop.now)
        await shop.becomes(lost, FAILED)
        assert shop.agent.site.alarms == {}


async def test_a_pending_payment_survives_a_kill_and_is_asked_for_again(shop: Shop) -> None:
    shop.provider.behave(Behaviour.LATE, 100)
    async with shop.open():
        paid = await shop.pay("5")
        await wait_until(lambda: shop.provider.book.payments)
    shop.now += timedelta(seconds=101)
    async with shop.open():
        await shop.becomes(paid, TAKEN)
        assert (shop.owed, len(shop.provider.book.payments)) == (5, 1)
        assert shop.provider.server is not None
        assert shop.provider.server.asked[paid.payment_id] == 1


async def test_killed_before_the_provider_was_asked_it_is_asked_after_the_start(shop: Shop) -> None:
    async with shop.open():
        await shop.provider.stop()
        paid = await shop.pay("5", key="k")
    async with asyncio.TaskGroup() as tasks:
        await shop.provider.start(tasks)
        async with shop.open():
            if (await shop.pay("5", key="k")).state is PaymentState.PENDING:
                await shop.becomes(paid, TAKEN)
            assert shop.owed == shop.provider.took
        await shop.provider.stop()


async def test_one_that_was_never_begun_is_not_begun_when_the_customer_has_gone(shop: Shop) -> None:
    async with shop.open():
        shop.collector.do = lambda _: None  # type: ignore[method-assign]
        paid = await shop.pay("5")  # and killed before the provider heard of it
    shop.now += shop.rules.answer_within + timedelta(seconds=1)
    async with shop.open():
        assert "never heard of it" in (await shop.becomes(paid, FAILED)).text
        assert shop.provider.book.payments == {}


async def test_one_that_was_never_begun_is_begun_while_the_customer_waits(shop: Shop) -> None:
    async with shop.open():
        shop.collector.do = lambda _: None  # type: ignore[method-assign]
        paid = await shop.pay("5")
    async with shop.open():
        await shop.becomes(paid, TAKEN)
        assert shop.owed == shop.provider.took == 5


async def test_a_provider_that_is_gone_fails_at_once_and_then_fast(shop: Shop) -> None:
    async with shop.open():
        await shop.provider.stop()
        for _ in range(OPENS_AFTER):
            paid = await shop.becomes(await shop.pay("5"), FAILED)
            assert "cannot be reached" in paid.text
        problem = shop.collector.unavailable(PaymentMethod.CARD, None)
        assert problem is not None
        assert "terminal cannot take card payments now: it cannot be reached. Take cash, or try again in" in problem
        assert shop.collector.unavailable(PaymentMethod.QR, None) is None
        assert shop.owed == 0


async def test_one_that_hangs_is_asked_again_and_takes_once(shop: Shop) -> None:
    """The question may have been heard: it is not given up, and the same id begins nothing anew."""
    async with shop.open():
        shop.provider.reach("hangs")
        paid = await shop.pay("5")
        await wait_until(lambda: shop.collector.lines["terminal"].breaker._failures >= 1)
        assert shop.agent.site.payments.open
        shop.provider.reach("up")
        assert shop.provider.server is not None
        shop.provider.server._hanging.set()
        await shop.becomes(paid, TAKEN)
        assert shop.owed == shop.provider.took == 5


async def test_a_cancelled_payment_is_given_up_or_was_taken_first(shop: Shop) -> None:
    shop.provider.behave(Behaviour.LATE, 100)
    async with shop.open():
        paid = await shop.pay("5")
        await wait_until(lambda: shop.provider.book.payments)
        await shop.void(paid)
        await shop.becomes(paid, FAILED)
        shop.provider.behave(Behaviour.NEVER)
        taken = await shop.pay("6")
        await wait_until(lambda: shop.provider.took == 6)
        await shop.void(taken)
        shop.provider.book.tell(taken.payment_id)
        await shop.becomes(taken, TAKEN)
        assert shop.owed == 6


async def test_a_refund_goes_the_way_the_payment_came(shop: Shop) -> None:
    async with shop.open():
        paid = await shop.becomes(await shop.pay("10"), TAKEN)
        back = await shop.becomes(await shop.refund(paid, "4"), TAKEN)
        assert (back.reverses, shop.owed, shop.provider.took) == (paid.payment_id, 6, 6)
        shop.provider.behave(Behaviour.REFUSES)
        await shop.becomes(await shop.refund(paid, "6"), FAILED)
        shop.provider.behave(Behaviour.TAKES)
        await shop.becomes(await shop.refund(paid, "6"), TAKEN)
        await shop.becomes(paid, PaymentState.REFUNDED)
        assert shop.owed == shop.provider.took == 0


async def test_another_sum_waits_for_a_person(shop: Shop) -> None:
    shop.provider.behave(Behaviour.SHORT)
    async with shop.open():
        await shop.becomes(await shop.pay("5"), UNKNOWN)
        assert shop.owed == 0
        found = await shop.reconciler.reconcile("terminal", shop.now.date(), "ben")
        assert [each.mismatch for each in found.differences] == [Mismatch.AMOUNT_DIFFERS]


async def test_a_payment_at_midnight_stands_in_the_next_days_list(shop: Shop) -> None:
    shop.now = shop.now.replace(hour=23, minute=59, second=59)
    shop.provider.behave(Behaviour.LATE, 5)
    async with shop.open():
        paid, day = await shop.pay("5"), shop.now.date()
        await wait_until(lambda: shop.provider.book.payments)
        shop.now += timedelta(seconds=6)
        await shop.becomes(paid, TAKEN)
        for each in (day, shop.now.date()):
            found = await shop.reconciler.reconcile("terminal", each, "ben")
            assert found.differences == ()
        assert found.matched == 1


async def test_the_day_before_is_held_against_the_list_by_itself(shop: Shop) -> None:
    shop.provider.behave(Behaviour.NEVER)
    async with shop.open():
        paid = await shop.pay("5")
        await wait_until(lambda: shop.provider.took == 5)
        shop.now += timedelta(days=1)
        async with asyncio.TaskGroup() as tasks:
            nightly = tasks.create_task(shop.reconciler.run())
            await shop.becomes(paid, TAKEN)
            nightly.cancel()
        assert shop.owed == 5


async def test_a_list_that_cannot_be_had_changes_nothing_and_says_so(shop: Shop) -> None:
    async with shop.open():
        shop.provider.reach("down")
        with pytest.raises(BadText, match="does not show its list"):
            await shop.reconciler.reconcile("terminal", shop.now.date(), "ben")
        with pytest.raises(BadText, match="no provider 'visa'; known: terminal"):
            await shop.reconciler.reconcile("visa", shop.now.date(), "ben")
        with pytest.raises(BadText, match="is not over yet"):
            await shop.reconciler.reconcile("terminal", shop.now.date() + timedelta(days=1), "ben")


async def test_a_wrong_token_is_said_as_such(shop: Shop) -> None:
    settings = HttpProviderSettings(name="x", url=f"http://127.0.0.1:{shop.provider.port}", token="wrong")
    async with HttpProvider(settings) as asked:
        with pytest.raises(ProviderDown, match="does not accept our token"):
            await asked.day(shop.now.date())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot json!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"\x00\x01\x02",
        b"",
    ],
)
async def test_what_makes_no_sense_is_a_provider_that_is_down(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", free_port())
    port = server.sockets[0].getsockname()[1]
    async with server, HttpProvider(HttpProviderSettings(name="x", url=f"http://127.0.0.1:{port}")) as asked:
        with pytest.raises(ProviderDown):
            await asked.look("p-1")


def test_the_breaker_opens_after_three_failures_and_lets_one_try_after_its_pause() -> None:
    now_s = 0.0
    breaker = Breaker(lambda: now_s)
    for _ in range(OPENS_AFTER - 1):
        breaker.note_bad()
    assert not breaker.is_open
    breaker.note_bad()
    assert (breaker.is_open, breaker.opens_in_s) == (True, 11)
    now_s = 10.5
    assert not breaker.is_open
    breaker.note_bad()
    assert breaker.opens_in_s == 21
    breaker.note_good()
    assert not breaker.is_open
