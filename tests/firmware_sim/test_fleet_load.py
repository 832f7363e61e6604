"""The load driver: its arithmetic, its stations without sockets, its mistakes told in words."""

from __future__ import annotations

import json
import random
import re
import resource
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firmware_sim.load.latency import Latencies
from firmware_sim.load.machine import Watched
from firmware_sim.load.plan import V16, V201, Identities, Plan, Target, parse_mix
from firmware_sim.load.station import FAR, Account, Kind, Message, Station
from firmware_sim.load.summary import is_clean, summary, table
from firmware_sim.load.websocket import TEXT, frame, unframe
from firmware_sim.load.worker import Measured
from firmware_sim.main import app
from protocols.errors import BadText

S = 1_000_000_000
TARGETS = (Target(host="127.0.0.1", port=1), Target(host="127.0.0.1", port=2, path="/ocpp/"))
ACCEPTED = {
    "BootNotification": b'[3,"1",{"status":"Accepted","interval":15}]',
    "StartTransaction": b'[3,"1",{"transactionId":77,"idTagInfo":{"status":"Accepted"}}]',
    "TransactionEvent Started": b'[3,"1",{"idTokenInfo":{"status":"Accepted"}}]',
}


class Talk:
    """A station, a server that answers after `delay_ns`, and a clock that is moved by hand."""

    def __init__(self, version: str = V16, *, charging: float = 0.0, **options: Any) -> None:
        identities = Identities(stations=1, charging=charging, share_201=float(version == V201))
        self.plan = Plan(identities=identities, targets=TARGETS, **options)
        self.written: list[dict[str, Any]] = []
        self.account = Account(self.written.append)
        self.station = Station(self.plan, identities.traits(1), self.account)
        self.measured = Measured({"steady": 0})
        self.now_ns = 0
        self.said: list[Message] = []

    def site_ms(self) -> int:
        return 1_800_000_000_000 + self.now_ns // 1_000_000

    def play(self, until_ns: int, delay_ns: int = 0) -> list[str]:
        """What is said until then; each answer takes `delay_ns`."""
        first = len(self.said)
        while (due_ns := self.station.due_ns()) <= until_ns:
            self.now_ns = max(self.now_ns, due_ns)
            if self.now_ns > until_ns:
                break
            message = self.station.take(self.now_ns, self.site_ms())
            if message is not None:
                self.said.append(message)
                self.answer(message, delay_ns)
        return [message.action for message in self.said[first:]]

    def answer(self, message: Message, delay_ns: int = 0) -> None:
        self.now_ns += delay_ns
        self.measured.record(message.action, message.due_ns, self.now_ns)
        assert self.station.answered(message, ACCEPTED.get(message.action, b'[3,"1",{}]'), self.now_ns) is None


def test_latency_counts_from_the_intended_time_of_everything_that_a_stall_held_up() -> None:
    talk = Talk(heartbeat_s=1)
    talk.station.arrive(0)
    talk.play(2 * S)
    before = talk.measured.latencies["steady", "Heartbeat"].count
    talk.now_ns = talk.station.due_ns()
    message = talk.station.take(talk.now_ns, talk.site_ms())
    assert message is not None
    talk.answer(message, delay_ns=10 * S)  # the server stands still for ten seconds
    talk.play(talk.now_ns)
    beats = talk.measured.latencies["steady", "Heartbeat"]
    # Ten beats fell due meanwhile, one a second: they waited 9, 8, 7 ... s, though each was answered at once.
    assert beats.count - before == 11
    assert beats.max_us == 10_000_000
    assert beats.percentile_us(0.5) == pytest.approx(4_000_000, rel=0.3)
    assert beats.total_us == pytest.approx(55_000_000, rel=0.02)


def test_percentiles_are_within_a_hundredth_and_add_up_over_processes() -> None:
    draw = random.Random(7)
    values_us = sorted(int(draw.lognormvariate(7, 2)) for _ in range(20_000))
    halves = (Latencies(), Latencies())
    for number, value in enumerate(values_us):
        halves[number % 2].record(value * 1000)
    both = Latencies()
    for half in halves:
        both.add(json.loads(json.dumps(half.dump())))
    for share in (0.5, 0.9, 0.99, 0.999):
        true_us = values_us[int(share * len(values_us)) - 1]
        assert true_us <= both.percentile_us(share) <= true_us * 1.01 + 1
    assert (both.count, both.max_us, both.percentile_us(1)) == (20_000, values_us[-1], values_us[-1])
    assert Latencies().summary()["p99_ms"] == 0


@pytest.mark.parametrize("version", [V16, V201])
def test_a_session_has_a_start_samples_and_a_stop_with_a_rising_register(version: str) -> None:
    talk = Talk(version, charging=1.0, heartbeat_s=10_000, meter_interval_s=60, session_s=900)
    talk.station.arrive(0)
    said = talk.play(3600 * S)
    talk.station.end(talk.now_ns)
    said += talk.play(talk.now_ns)
    start, sample, stop = {
        V16: ("StartTransaction", "MeterValues", "StopTransaction"),
        V201: ("TransactionEvent Started", "TransactionEvent Updated", "TransactionEvent Ended"),
    }[version]
    assert said[:4] == ["BootNotification", "StatusNotification", start, "StatusNotification"]
    assert said.count(start) == said.count(stop) == talk.account.starts == talk.account.stops == len(talk.written)
    assert said.count(sample) == pytest.approx(59, abs=4)
    assert talk.station.is_done
    assert talk.station.due_ns() < FAR  # it still beats
    assert sum(each["energy_wh"] for each in talk.written) == talk.account.energy_wh
    assert talk.account.energy_wh == pytest.approx(11_000, rel=0.05)
    registers = [wh for each in talk.written for wh in (each["meter_start_wh"], each["meter_stop_wh"])]
    assert registers == sorted(registers)
    for message in talk.said:
        json.loads(message.payload)


@pytest.mark.parametrize("queued", [2, 9, 11, 12, 50])
def test_an_offline_day_is_told_after_boot_and_status_in_order(queued: int) -> None:
    talk = Talk(V201, heartbeat_s=10_000, storm_s=1, queued=queued, evses=2)
    talk.station.arrive(0)
    talk.play(0)
    talk.station.lose(None)
    talk.station.arrive(5 * S)
    talk.station.queue_a_day(queued, talk.site_ms())
    said = talk.play(6 * S)
    assert said[:3] == ["BootNotification", "StatusNotification", "StatusNotification"]
    day = [json.loads(message.payload) for message in talk.said if message.kind in (Kind.START, Kind.SAMPLE, Kind.STOP)]
    assert len(day) == queued
    assert all(each["offline"] for each in day)
    times = [each["timestamp"] for each in day]
    assert times == sorted(set(times))
    assert talk.account.starts == talk.account.stops > 0
    assert talk.station.is_done


def test_what_was_under_way_when_the_connection_broke_is_said_again() -> None:
    talk = Talk(V16, charging=1.0, heartbeat_s=10_000)
    talk.station.arrive(0)
    message = None
    while message is None or message.kind is not Kind.START:
        if message is not None:
            talk.answer(message)
        message = talk.station.take(talk.now_ns, talk.site_ms())
    talk.station.lose(message)
    talk.now_ns = 3 * S
    talk.station.arrive(3 * S)
    said = talk.play(4 * S)
    assert said[:3] == ["BootNotification", "StatusNotification", "StartTransaction"]
    assert talk.said[2] is message
    assert talk.account.starts == 1


def test_a_fleet_is_mixed_as_asked_and_its_stations_differ() -> None:
    fleet = list(Identities(stations=10_000, share_201=0.25, charging=0.3).all())
    assert sum(each.version == V201 for each in fleet) == pytest.approx(2_500, abs=10)
    assert sum(each.is_charging for each in fleet) == pytest.approx(3_000, abs=10)
    assert sum(each.is_charging and each.version == V201 for each in fleet) == pytest.approx(750, abs=30)
    assert len({each.station_id for each in fleet}) == len({each.token for each in fleet}) == 10_000
    assert parse_mix("2.0.1=1") == 1.0
    assert parse_mix("1.6") == 0.0


def test_a_plan_survives_the_way_to_another_process() -> None:
    plan = Plan(identities=Identities(stations=3, passwords={"A": "b"}), targets=TARGETS, storm_s=2.5)
    assert Plan.load(json.loads(json.dumps(plan.dump()))) == plan
    both = Plan(identities=plan.identities, targets=TARGETS, processes=2)
    assert sorted([*both.numbers(0), *both.numbers(1)]) == [1, 2, 3]


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
def test_frames_of_every_length(length: int) -> None:
    payload = b"x" * length
    sent = frame(payload)
    assert sent.endswith(payload)
    assert sent[1] & 0x80
    served = bytes((sent[0], sent[1] & 0x7F)) + sent[2 : len(sent) - length - 4] + payload
    assert unframe(served + b"rest") == (TEXT, payload, b"rest")
    assert unframe(served[:-1] if length else served[:1]) is None


def test_several_agents_have_each_a_configuration_with_the_stations_that_come_to_it(tmp_path: Path) -> None:
    targets = [text for port in (9101, 9102, 9103) for text in ("--url", f"ws://127.0.0.1:{port}")]
    plan = Plan(
        identities=Identities(stations=8), targets=tuple(Target(host="127.0.0.1", port=9101 + n) for n in range(3))
    )
    files = ("--write-config", str(tmp_path / "edge-{agent}.toml"), "--tokens", str(tmp_path / "cards-{agent}.csv"))
    written = CliRunner().invoke(app, ["fleet", "--stations", "8", *targets, *files])
    assert written.exit_code == 0  # and nobody was called: no agent runs on these files yet
    assert "next: ohmstead-edge run" in written.output
    found: dict[str, int] = {}
    for agent in range(3):
        site = tomllib.loads((tmp_path / f"edge-{agent + 1}.toml").read_text())
        assert (site["edge_id"], site["data_dir"]) == (f"fleet-{agent + 1}", f"data-{agent + 1}")
        found |= {station["id"]: agent for station in site["stations"]}
        cards = (tmp_path / f"cards-{agent + 1}.csv").read_text().splitlines()[1:]
        assert len(cards) == len(site["stations"])
    assert found == {plan.identities.traits(n).station_id: plan.target_of(n) for n in range(1, 9)}
    one_name = ("--write-config", str(tmp_path / "edge.toml"))
    told = CliRunner().invoke(app, ["fleet", "--stations", "8", *targets, *one_name])
    assert told.exit_code == 2
    assert "{agent}" in told.output
    assert (
        "there are 3 --edge" in CliRunner().invoke(app, ["fleet", "--stations", "8", *targets, "--agents", "2"]).output
    )


@pytest.mark.parametrize(
    ("busy_share", "lag_ms", "answer_ms", "words"),
    [
        (0.3, 0.2, 1.0, []),
        (0.97, 0.2, 1.0, ["busy for 97% of the phase 'steady'"]),
        (0.3, 30.0, 40.0, ["one message in a hundred sent 30.0 ms late or more"]),
        (0.3, 6.0, 900.0, []),
    ],
)
def test_a_fleet_that_was_itself_too_slow_says_so(
    busy_share: float, lag_ms: float, answer_ms: float, words: list[str]
) -> None:
    plan = Plan(identities=Identities(stations=1), targets=TARGETS, ramp_s=0, duration_s=10)
    measured = Measured(plan.phases())
    measured.busy_ns["steady"] = int(busy_share * 10 * S)
    for _ in range(200):
        measured.record("Heartbeat", S, S + int(answer_ms * 1_000_000))
        measured.lag.record(int(lag_ms * 1_000_000))
    counts = ("ready", "starts", "stops", "energy_wh", "open_transactions", "refused_tokens", "unanswered")
    report = measured.dump() | dict.fromkeys((*counts, "unfinished_stations", "reconnects"), 0)
    body = summary(plan, [report | {"asked_by_server": {}, "is_interrupted": False}], Watched([]), None)
    assert [re.sub(r"\d+\.\d ms", f"{lag_ms} ms", why) for why in body["load"]["too_slow"]] == words
    assert all(why in table(body) for why in body["load"]["too_slow"])
    assert is_clean(body)


def test_mistakes_are_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    most_files = 1000
    monkeypatch.setattr(resource, "getrlimit", lambda _: (most_files, most_files))
    edge = ("--edge", "ws://127.0.0.1:9")
    for arguments, word in (
        (("--stations", "5"), "--edge is missing"),
        (("--stations", "0", *edge), "--stations"),
        (("--stations", "5", "--edge", "localhost:9"), "expected ws://host:port"),
        (("--stations", "5", "--edge", "wss://localhost:9"), "TLS"),
        (("--stations", "5", "--edge", "ws://localhost:x"), "expected ws://host:port"),
        (("--stations", "5", *edge, "--mix", "1.6=0.5,2.1=0.5"), "--mix"),
        (("--stations", "5", *edge, "--mix", "1.6=0.9,2.0.1=0.5"), "add up to 1"),
        (("--stations", "5", *edge, "--charging", "30"), "--charging"),
        (("--stations", "5", *edge, "--id-format", "CP"), "it needs {n}"),
        (("--stations", "5", *edge, "--id-format", "CP {n}"), "no charging station id"),
        (("--stations", "5", *edge, "--id-format", "CP{m}"), "--id-format"),
        (("--stations", "5", *edge, "--password", "short"), "16 to 40"),
        (("--stations", "5", *edge, "--password-file", "/nowhere"), "cannot read /nowhere"),
        (("--stations", "5", *edge, "--queued", "5"), "--storm"),
        (("--stations", "5", *edge, "--queued", "1", "--storm", "1"), "at least 2"),
        (("--stations", str(most_files), "--processes", "1", *edge), "open files"),
        (("--stations", "5", *edge, "--transactions", "/nowhere/at/all"), "cannot write"),
        (("--stations", "5", "--write-config", "/nowhere/at/all"), "cannot write"),
        (("--stations", "5", *edge, "--timeline", "soon"), "not a timeline"),
    ):
        result = CliRunner().invoke(app, ["fleet", *arguments])
        assert result.exit_code == 2, (arguments, result.output)
        assert word in result.output, (arguments, result.output)
        assert "Traceback" not in result.output
    with pytest.raises(BadText, match="there is no password for S00002"):
        Identities(stations=2, passwords={"S00001": "x" * 16}).check()
