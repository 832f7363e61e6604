"""Jobs, variables and reports in the ledger: as they were told, and there again after a restart."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from edge.domain.device_model import identity_of
from edge.domain.events import FirmwareFileAdded, FirmwareFileRemoved, Restarted
from edge.domain.inventory import InventoryRules
from edge.domain.job import JobRules
from edge.ledger import device_reading
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from protocols.charger.events import CommandAnswered, ReportReceived
from protocols.charger.jobs import StepStatus
from protocols.charger.operations.monitoring import SetVariableMonitoring, VariableMonitor
from protocols.charger.operations.variables import GetBaseReport, VariableName
from protocols.sync.down import Command, Operate
from tests.edge.domain.site_kit import START, Play, new_site
from tests.edge.domain.test_jobs import FILE, OFFERS, UPDATE, JobPlay
from tests.edge.ledger.conftest import LedgerPlay

RULES = new_site(offers=OFFERS, jobs=JobRules(at_once=1), inventory=InventoryRules(is_enabled=True)).rules


class KeptJobPlay(LedgerPlay, JobPlay):
    """A play of jobs whose decisions are kept."""

    def __init__(self, ledger: Ledger) -> None:
        Play.__init__(self, site=restore(ledger, RULES))
        self.ledger = ledger
        self.count = self.site.last_seq["event"]  # type: ignore[index]


def begun(ledger: Ledger) -> KeptJobPlay:
    play = KeptJobPlay(ledger)
    play.connect()
    play.boot("A", "1.0")
    play.boot("B", "1.0")
    play.tell(FirmwareFileAdded(file=FILE))
    (command,) = play.start(UPDATE, "A", "B").commands
    play.answer(command)
    play.firmware("A", "Installing")
    return play


def test_a_job_goes_on_after_a_restart_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1") as ledger:
        before = begun(ledger)
        kept = before.site.jobs
    with Ledger(path, "edge-1") as ledger:
        play = KeptJobPlay(ledger)
        assert play.site.firmware == {FILE.file_id: FILE}
        (job,) = play.site.jobs.values()
        (was,) = kept.values()
        assert (job.job, job.at_once, job.ends_at) == (was.job, was.at_once, was.ends_at)
        assert (job.waiting, job.active) == ({"B": None}, {"A": None})
        assert (job.steps["A"].status, job.steps["A"].request_id) == (
            StepStatus.INSTALLING,
            was.steps["A"].request_id,
        )
        play.tell(Restarted())
        play.connect()
        assert not play.tick(seconds=10).commands  # A is at it, B has no turn
        (command,) = play.boot("A", "2.0").commands
        assert command.station_id == "B"
        play.boot("B", "2.0")
        assert play.ended == (2, 0, 0)
    with Ledger(path, "edge-1") as ledger:
        assert not restore(ledger, RULES).jobs
        (told,) = device_reading.jobs(ledger.connection)
        assert (told["counts"], told["ended_at"] is not None) == ({"done": 2}, True)
        shown = device_reading.job(ledger.connection, told["job_id"])
        assert shown is not None
        assert [(step["station_id"], step["detail"]) for step in shown["steps"]] == [
            ("A", "2.0 is there"),
            ("B", "2.0 is there"),
        ]
        assert device_reading.job(ledger.connection, "none") is None


def test_a_job_that_ended_long_ago_is_forgotten(ledger: Ledger) -> None:
    play = begun(ledger)
    play.boot("A", "2.0")
    play.boot("B", "2.0")
    ledger.forget_jobs(START + timedelta(days=399))
    assert len(device_reading.jobs(ledger.connection)) == 1
    ledger.forget_jobs(START + timedelta(days=401))
    assert device_reading.jobs(ledger.connection) == []
    assert not ledger.connection.execute("SELECT * FROM job_steps").fetchall()


def test_a_firmware_that_was_removed_is_gone(ledger: Ledger) -> None:
    play = KeptJobPlay(ledger)
    play.tell(FirmwareFileAdded(file=FILE))
    play.tell(FirmwareFileRemoved(file_id=FILE.file_id))
    assert device_reading.firmware(ledger.connection) == []


def item(name: str, value: str) -> dict[str, Any]:
    return {"component": {"name": "C"}, "variable": {"name": name}, "variableAttribute": [{"value": value}]}


def report(play: LedgerPlay, number: int, seq_no: int, is_last: bool, *items: dict[str, Any]) -> None:
    play.tell(
        ReportReceived(station_id="B", kind="variables", request_id=number, seq_no=seq_no, is_last=is_last, items=items)
    )


def test_variables_are_the_last_ones_and_what_a_whole_report_leaves_out_is_no_more(ledger: Ledger) -> None:
    play = KeptJobPlay(ledger)
    play.connect()
    play.boot("B", "1.0")
    report(play, 1, 0, True, item("Old", "1"), item("X", "1"))
    commands = play.tick(minutes=20).commands
    ((command, asked),) = [(each, each.operation) for each in commands if isinstance(each.operation, GetBaseReport)]
    number = asked.request_id or 0
    play.answer(command)
    report(play, number, 0, False, item("X", "2"))
    report(play, number, 1, True, item("Y", "3"))
    told = device_reading.variables(ledger.connection, "B")
    assert [(each["variable"], each["value"]) for each in told] == [("X", "2"), ("Y", "3")]
    inventory = device_reading.inventory(ledger.connection, "B")
    assert inventory is not None
    assert inventory["problem"] == ""
    again = restore(ledger, RULES)
    assert again.stations["B"].inventory == identity_of(again.stations["B"])


def test_stations_of_a_model_are_compared(ledger: Ledger) -> None:
    play = KeptJobPlay(ledger)
    play.connect()
    for station in ("A", "B"):
        play.boot(station, "1.0")
        play.tell(
            ReportReceived(
                station_id=station,
                kind="variables",
                request_id=1,
                seq_no=0,
                is_last=True,
                items=(item("Same", "1"), item("Other", station)),
            )
        )
    rows = list(device_reading.variables_of_model(ledger.connection, "v", "M*", "*", "*"))
    assert [(row[0], row[1]["variable"], row[1]["value"]) for row in rows] == [
        ("A", "Other", "A"),
        ("B", "Other", "B"),
        ("A", "Same", "1"),
        ("B", "Same", "1"),
    ]
    assert not list(device_reading.variables_of_model(ledger.connection, "*", "Z", "*", "*"))
    assert len(list(device_reading.variables_of_model(ledger.connection, "*", "*", "*", "oth*"))) == 2


def test_the_newest_report_of_a_kind_is_kept(ledger: Ledger) -> None:
    play = KeptJobPlay(ledger)
    for number, seq_no, is_last in ((1, 0, True), (2, 0, False), (2, 1, True)):
        play.tell(
            ReportReceived(
                station_id="B",
                kind="display_messages",
                request_id=number,
                seq_no=seq_no,
                is_last=is_last,
                items=({"id": number * 10 + seq_no},),
            )
        )
    told = device_reading.report(ledger.connection, "B", "display_messages")
    assert told is not None
    assert (told["items"], told["is_complete"], told["request_id"]) == ([{"id": 20}, {"id": 21}], True, 2)
    assert device_reading.report(ledger.connection, "B", "monitors") is None


def test_how_severe_monitors_are_is_known_after_a_restart(ledger: Ledger) -> None:
    play = KeptJobPlay(ledger)
    play.connect()
    monitor = VariableMonitor(name=VariableName(component="C", variable="T"), type="Delta", value=1, severity=2)
    body = Operate(station_id="B", operation=SetVariableMonitoring(monitors=(monitor,)))
    (command,) = play.tell(Command(id="c", issued_at=START, expires_at=START.replace(year=2027), body=body)).commands
    row = {"monitor_id": 7, "severity": 2, "status": "Accepted"}
    play.tell(
        CommandAnswered(station_id="B", command_id=command.command_id, is_accepted=True, result={"monitors": [row]})
    )
    assert restore(ledger, RULES).monitors == {"B": {7: 2}}
