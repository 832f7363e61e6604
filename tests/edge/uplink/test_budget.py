"""A metered line, on a clock of the test's own: who goes first, who waits, and what an hour carries."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.uplink.budget import BURST_S, TELEMETRY_FLOOR, Budget
from protocols.sync.topics import Stream
from tests.edge.uplink.parts import Site, fake_hub, quick, running
from tests.kit import Broker, wait_until

HOUR_S = 3600.0
PER_HOUR = 360_000
SIZE = PER_HOUR / HOUR_S * BURST_S
MONEY, EVENT, TELEMETRY = Stream.MONEY, Stream.EVENT, Stream.TELEMETRY


@dataclass
class Line:
    """Sends batches of 1,000 bytes whenever they may go."""

    budget: Budget = field(default_factory=lambda: Budget(PER_HOUR, 0.5))
    now_s: float = 0.0
    sent: dict[str, int] = field(default_factory=dict)

    def send(self, stream: Stream, *, is_backlog: bool = False) -> bool:
        if self.budget.ready_at_s(stream, self.now_s, is_backlog=is_backlog) > self.now_s:
            return False
        self.budget.spent(1000, self.now_s, is_backlog=is_backlog)
        self.sent[stream] = self.sent.get(stream, 0) + 1000
        return True

    def drain(self) -> None:
        while self.send(EVENT):
            pass


def test_without_a_limit_everything_goes_at_once() -> None:
    budget = Budget(None, 0.5)
    assert all(budget.ready_at_s(stream, 5.0, is_backlog=True) == 5.0 for stream in Stream)
    budget.spent_live(10**9, 5.0)
    assert budget.live_at_s(5.0) == 5.0
    assert budget.level is None


def test_new_money_goes_also_on_credit_and_the_others_pay_it_back() -> None:
    line = Line()
    line.drain()
    for _ in range(100):
        assert line.send(MONEY)
    assert not line.send(EVENT)
    assert not line.send(MONEY, is_backlog=True)
    ready_s = line.budget.ready_at_s(EVENT, 0.0, is_backlog=False)
    assert 1000 <= ready_s <= 1011  # 100,000 bytes at 100 a second
    line.now_s = ready_s
    assert line.send(EVENT)


def test_a_backlog_of_money_goes_before_all_else_and_never_beyond_the_line() -> None:
    line = Line()
    for second in range(int(HOUR_S)):
        line.now_s = float(second)
        while line.send(MONEY, is_backlog=True):
            pass
        line.send(TELEMETRY)
    assert PER_HOUR <= line.sent[MONEY] <= PER_HOUR + SIZE + 1000
    assert TELEMETRY not in line.sent


def test_telemetry_leaves_a_part_to_money_and_events() -> None:
    line = Line()
    while line.send(TELEMETRY):
        pass
    assert abs((line.budget.level or 0) - SIZE * TELEMETRY_FLOOR) <= 1000
    assert line.send(EVENT)


def test_a_backlog_has_its_share_and_the_present_the_rest() -> None:
    line = Line()
    for second in range(int(4 * HOUR_S)):
        line.now_s = float(second)
        for stream in (EVENT, TELEMETRY):
            while line.send(stream, is_backlog=True):
                pass
        if second % 60 == 0:
            assert line.send(EVENT)  # an event that is new goes at once, all the time
            assert line.send(TELEMETRY)
    whole = sum(line.sent.values())
    assert whole <= 4 * PER_HOUR + SIZE
    assert whole - 2 * 240_000 <= 0.5 * (4 * PER_HOUR + SIZE) + 1000


def test_live_values_thin_out_to_their_share() -> None:
    line, count = Line(), 0
    for second in range(int(HOUR_S)):
        line.now_s = float(second)
        if line.budget.live_at_s(line.now_s) <= line.now_s:
            line.budget.spent_live(2000, line.now_s)
            count += 1
    assert 30 <= count <= 37  # a fifth of 360,000 bytes
    line.drain()
    assert line.budget.live_at_s(line.now_s) > line.now_s


async def test_on_a_metered_line_money_passes_what_waits(broker: Broker, site: Site) -> None:
    site.journal.grow(TELEMETRY, 5_000)
    settings = quick(broker.port, bytes_per_hour=50_000, backlog_share=0.5)
    async with fake_hub(broker) as hub, running(site.uplink(settings)) as uplink:
        await wait_until(lambda: site.value("deferred_total", stream="telemetry"))
        assert hub.seq(TELEMETRY) < 5_000
        site.journal.grow(MONEY, 20)
        uplink.journal_grew()
        await wait_until(lambda: site.journal.acked[MONEY] == 20)
        assert hub.seq(TELEMETRY) < 5_000
        assert site.value("allowance_bytes") < 50_000 / 6
