"""A station goes from agent to agent: whatever happens on the way, each of its transactions is billed once."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.handover import HANDED_OVER
from edge.domain.station import Home
from protocols.ocpi.cdr import Cdr
from protocols.sync.up import AlarmRaised
from tests.edge.peers.node import Node, a_node


@pytest.fixture(params=["A", "B"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    """A station that speaks OCPP 1.6, and one that speaks 2.0.1."""
    with a_node(tmp_path, station_id=request.param) as running:
        yield running


def all_bills(node: Node) -> list[Cdr]:
    return [bill for agent in node.agents.values() for bill in agent.bills()]


def at_home(node: Node, name: str) -> None:
    node.connect(name)
    for other in node.agents:
        node.ask(name, other)
    assert node.agents[name].site.stations[node.station_id].home is Home.HERE


def later(node: Node, minutes: float = 10, energy_wh: int = 1000) -> None:
    node.now += timedelta(minutes=minutes)
    node.charge(energy_wh)


def expect_each_billed_once(node: Node) -> None:
    bills = all_bills(node)
    doubled = [session for session, count in Counter(bill.session_id for bill in bills).items() if count > 1]
    assert not doubled
    assert sorted((bill.evse_id, bill.meter_start_wh, bill.total_energy_wh) for bill in bills) == sorted(
        (s.evse, s.start_wh, s.ended.meter_stop_wh - s.start_wh)  # type: ignore[union-attr, operator]
        for s in node.sessions
    )
    assert not [transaction for agent in node.agents.values() for transaction in agent.site.transactions]


def test_an_open_transaction_moves_with_its_station_and_is_billed_where_it_ends(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak()
    later(node)
    at_home(node, "b")
    (moved,) = node.agents["b"].site.transactions.values()
    assert (moved.transaction_id[0], moved.moves, moved.meter_start_wh) == ("a", 1, 1000)
    assert not node.agents["a"].site.transactions
    assert node.agents["a"].site.stations[node.station_id].home is Home.ELSEWHERE
    later(node)
    node.unplug(1)
    node.speak()
    expect_each_billed_once(node)
    (bill,) = node.agents["b"].bills()
    assert (bill.session_id, bill.total_energy_wh, bill.total_time_s) == (moved.transaction_id, 2000, 1200)


def test_numbers_are_given_once_though_two_agents_give_them(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak()
    at_home(node, "b")  # in the same second
    assert node.agents["b"].site.last_charger_number == node.agents["a"].site.last_charger_number


def test_it_may_come_back_and_old_copies_are_nothing(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak()
    for name in "bcbacab":
        later(node, 1, 100)
        at_home(node, name)
        held = {n: [t.moves for t in agent.site.transactions.values()] for n, agent in node.agents.items()}
        assert [n for n, moves in held.items() if moves] == [name]
    assert held["b"] == [7]
    node.agents["b"].restart()
    assert [t.moves for t in node.agents["b"].site.transactions.values()] == [7]
    node.settle("b")
    expect_each_billed_once(node)


def test_a_start_whose_answer_was_lost_is_known_where_it_is_repeated(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak(is_heard=False)
    at_home(node, "b")
    node.speak()
    assert len(node.agents["b"].site.transactions) == 1
    node.settle("b")
    expect_each_billed_once(node)


def test_an_end_whose_answer_was_lost_raises_no_alarm_where_it_is_repeated(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak()
    later(node)
    node.unplug(1)
    node.speak(is_heard=False)
    at_home(node, "b")
    node.speak()
    assert node.sessions[0].is_done
    assert not node.agents["b"].site.alarms
    expect_each_billed_once(node)


def test_while_an_agent_is_down_its_stations_charge_and_its_transactions_wait_for_it(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak()
    later(node)
    node.agents["a"].is_up = False
    node.connect("b")
    node.ask("b", "c")
    node.unplug(1)
    node.speak()
    assert node.sessions[0].is_done
    b = node.agents["b"]
    assert [alarm.alarm for alarm in b.site.alarms.values()] == ["unknown_stop"]
    later(node)
    node.plug(1)
    node.speak()
    assert len(b.site.transactions) == 1
    later(node)
    b.restart()  # what was kept is kept
    node.agents["a"].restart()
    node.agents["a"].is_up = True
    node.connect("b")
    node.ask("b", "a")
    (bill,) = b.bills()
    assert (bill.session_id[0], bill.total_energy_wh, bill.stop_reason) == ("a", 1000, "Local")
    assert not b.site.alarms
    assert not b.site.stray_stops[node.station_id]
    (running,) = b.site.transactions.values()
    assert b.site.at_evse(running.ref) is running
    node.settle("b")
    expect_each_billed_once(node)


def test_back_at_its_agent_it_is_asked_where_it_was_meanwhile(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak()
    later(node)
    node.agents["a"].is_up = False
    node.connect("b")
    node.unplug(1)
    node.speak()
    node.agents["a"].restart()
    node.agents["a"].is_up = True
    at_home(node, "a")  # before b could ask
    later(node)
    node.plug(1)
    node.speak()
    assert [(bill.session_id[0], bill.stop_reason) for bill in node.agents["a"].bills()] == [("a", "Local")]
    node.settle("a")
    expect_each_billed_once(node)


def test_nothing_is_billed_as_forgotten_while_its_end_may_be_with_another_agent(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak()
    later(node)
    node.agents["a"].is_up = False
    node.connect("b")
    node.unplug(1)
    node.speak()
    node.agents["a"].restart()
    node.agents["a"].is_up, node.agents["b"].is_up = True, False  # before b could ask
    node.connect("a")
    later(node)
    node.plug(1)
    node.speak()
    a = node.agents["a"]
    assert len(a.site.transactions) == 2
    assert not a.bills()
    a.restart()
    assert len(a.site.transactions) == 2
    node.agents["b"].is_up = True
    at_home(node, "a")
    assert [(bill.total_energy_wh, bill.stop_reason) for bill in a.bills()] == [(1000, "Local")]
    (running,) = a.site.transactions.values()
    assert a.site.at_evse(running.ref) is running
    node.settle("a")
    expect_each_billed_once(node)


def test_the_end_finds_its_transaction_also_over_a_third_agent(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak()
    later(node)
    node.agents["a"].is_up = False
    node.connect("b")
    node.unplug(1)
    node.speak()
    node.connect("c")
    node.ask("c", "b")
    assert [alarm.alarm for alarm in node.agents["c"].site.alarms.values()] == ["unknown_stop"]
    assert not node.agents["b"].site.alarms
    node.agents["a"].is_up = True
    node.ask("c", "a")
    expect_each_billed_once(node)
    assert [bill.session_id[0] for bill in node.agents["c"].bills()] == ["a"]
    assert not node.agents["c"].site.alarms


def test_a_start_repeated_while_its_agent_is_down_is_one_transaction_in_the_end(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak(is_heard=False)
    node.agents["a"].is_up = False
    node.connect("b")
    node.speak()
    later(node)
    node.agents["a"].is_up = True
    node.settle("b")
    expect_each_billed_once(node)
    assert not node.agents["a"].site.transactions


def test_an_agent_that_is_killed_before_it_keeps_what_it_was_given_gets_it_again(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak()
    node.connect("b")
    node.ask("b", "a", is_committed=False)
    assert not node.agents["a"].site.transactions
    assert not node.agents["b"].site.transactions
    later(node)
    at_home(node, "b")
    assert len(node.agents["b"].site.transactions) == 1
    node.settle("b")
    expect_each_billed_once(node)


def test_what_a_killed_agent_never_took_reaches_the_next_one_through_it(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak()
    node.connect("b")
    node.ask("b", "a", is_committed=False)
    later(node)
    node.connect("c")
    node.ask("c", "b")
    node.ask("c", "a")  # says: it is b's
    assert not node.agents["c"].site.transactions
    node.ask("c", "b")  # which gets it from a, for c
    assert len(node.agents["c"].site.transactions) == 1
    assert node.agents["c"].site.stations[node.station_id].home is Home.HERE
    node.settle("c")
    expect_each_billed_once(node)


def test_what_a_killed_agent_never_took_comes_back_to_the_one_that_gave_it(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak()
    node.connect("b")
    node.ask("b", "a", is_committed=False)
    later(node)
    node.connect("a")
    node.ask("a", "c")
    node.ask("a", "b")
    node.ask("a", "b")  # which gets it from a, for a
    assert [t.moves for t in node.agents["a"].site.transactions.values()] == [2]
    assert node.agents["a"].site.stations[node.station_id].home is Home.HERE
    assert node.at == "a"
    node.settle("a")
    expect_each_billed_once(node)


def test_two_that_claim_from_each_other_are_neither_at_home(node: Node) -> None:
    node.connect("b")
    node.connect("c")
    node.ask("b", "a")
    node.ask("c", "a")
    node.ask("c", "b")
    node.ask("b", "c")
    homes = [agent.site.stations[node.station_id].home for agent in node.agents.values()]
    assert homes.count(Home.HERE) <= 1


def test_what_comes_late_at_the_old_agent_is_not_answered(node: Node) -> None:
    at_home(node, "a")
    node.plug(1)
    node.speak()
    later(node)
    at_home(node, "b")
    node.unplug(1)
    node.at = "a"  # its last words, from a buffer
    node.speak()
    assert not node.sessions[0].is_done
    assert not node.agents["a"].site.alarms
    at_home(node, "b")
    node.speak()
    expect_each_billed_once(node)


def test_an_agent_of_a_single_site_knows_nothing_of_it(tmp_path: Path) -> None:
    from edge.domain.past import PastKey
    from tests.edge.domain.site_kit import Play

    play = Play()
    play.connect()
    number = play.start().reply.charger_transaction_id  # type: ignore[union-attr]
    play.stop(number, 2000)
    past = play.site.past(PastKey("A", charger_transaction_id=number))
    assert past is not None
    assert past.end_reason != HANDED_OVER
    assert not play.found(AlarmRaised)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["connect", "home"]), st.sampled_from("abc")),
        st.tuples(st.sampled_from(["home", "connect"]), st.sampled_from("abc")),
        st.tuples(st.just("ask"), st.sampled_from("abc"), st.sampled_from("abc")),
        st.tuples(st.just("lose"), st.sampled_from("abc"), st.sampled_from("abc")),
        st.tuples(st.just("crash"), st.sampled_from("abc")),
        st.tuples(st.just("down"), st.sampled_from("abc")),
        st.tuples(st.just("up"), st.sampled_from("abc")),
        st.tuples(st.sampled_from(["plug", "unplug"]), st.integers(1, 2)),
        st.tuples(st.sampled_from(["speak", "speak", "lost", "drop", "charge"])),
    ),
    max_size=60,
)


def act(node: Node, step: tuple[object, ...]) -> None:
    match step:
        case ("connect" | "home", str(name)):
            node.connect(name)
            for other in node.agents if step[0] == "home" else ():
                node.ask(name, other)  # whoever is up
        case ("ask" | "lose", str(name), str(other)) if name != other:
            node.ask(name, other, is_committed=step[0] == "ask")
        case ("crash", str(name)):
            node.crash(name)
        case ("down" | "up", str(name)):
            node.agents[name].is_up = step[0] == "up"
            if node.at == name:
                node.at = None
            node.agents[name].restart()
        case ("plug", int(evse)):
            node.plug(evse)
        case ("unplug", int(evse)):
            node.unplug(evse)
        case ("speak" | "lost",):
            node.speak(is_heard=step[0] == "speak")
        case ("drop",):
            node.drop()
        case ("charge",):
            node.charge(100)
    node.now += timedelta(minutes=1)


@given(steps=STEPS, station=st.sampled_from("AB"), last=st.sampled_from("abc"))
@settings(max_examples=60, deadline=None)
def test_however_claims_ends_and_crashes_interleave_each_transaction_is_billed_once(
    steps: list[tuple[object, ...]], station: str, last: str
) -> None:
    with tempfile.TemporaryDirectory() as folder, a_node(Path(folder), station_id=station) as node:
        for step in steps:
            act(node, step)
            open_ = Counter(t for agent in node.agents.values() for t in agent.site.transactions)
            assert not [transaction for transaction, count in open_.items() if count > 1]
        node.settle(last)
        expect_each_billed_once(node)
