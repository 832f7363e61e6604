"""Jobs over many stations, told as conversations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from edge.domain.decision import Decision
from edge.domain.events import (
    Done,
    FileBrought,
    FileFetched,
    FirmwareFileAdded,
    FirmwareFileRemoved,
    Refused,
    SiteEvent,
    Ticked,
)
from edge.domain.job import JobRules
from edge.domain.offers import Offers
from edge.domain.site import Site
from protocols.charger.commands import ChargerCommand
from protocols.charger.events import (
    BootReported,
    CommandAnswered,
    FirmwareStatusReported,
    LogStatusReported,
    StationConnected,
    StationDisconnected,
)
from protocols.charger.jobs import (
    ApplyTemplateJob,
    FirmwareFile,
    GetLogJob,
    StationPattern,
    StepStatus,
    UpdateFirmwareJob,
)
from protocols.charger.operations.firmware import GetDiagnostics, GetLog, UpdateFirmware
from protocols.charger.operations.variables import (
    GetBaseReport,
    GetVariables,
    SetVariables,
    VariableName,
    VariableSetting,
)
from protocols.sync.down import CancelJob, Command, StartJob
from protocols.sync.up import CommandFinished, Outcome
from protocols.sync.upkeep import JobBegun, JobEnded, JobStepChanged
from tests.edge.domain.site_kit import START, Play, new_site

OFFERS = Offers(public_url="http://files:9002", key=b"k" * 32, good_for=timedelta(days=1))
FILE = FirmwareFile(
    file_id="f" * 16, name="m1.bin", vendor="V", model="M*", version="2.0", size_bytes=4, sha256="f" * 64
)
SIGNED = replace(FILE, signature="c2ln", certificate="-----BEGIN CERTIFICATE-----")
ASKED = (UpdateFirmware, GetLog, GetDiagnostics, SetVariables, GetVariables, GetBaseReport)
SETTINGS = (
    VariableSetting(name=VariableName(variable="HeartbeatInterval"), value="300"),
    VariableSetting(name=VariableName(component="OCPPCommCtrlr", variable="RetryBackOffRandomRange"), value="10"),
)


class JobPlay(Play):
    """Stations A (1.6) and B (2.0.1) of one model are connected; the catalogue has firmware 2.0."""

    def __init__(self, file: FirmwareFile = FILE, site: Site | None = None, **rules: Any) -> None:
        super().__init__(site=site or new_site(offers=OFFERS, jobs=JobRules(**rules)))
        self.count = 0
        self.connect()
        for station in ("A", "B"):
            self.boot(station, "1.0")
        self.tell(FirmwareFileAdded(file=file))

    def tell(self, event: SiteEvent) -> Decision:
        """What other blocks ask of stations is not looked at here."""
        decision = super().tell(event)
        decision.commands = [
            command
            for command in decision.commands
            if isinstance(command.operation, ASKED) or not self.site.commands[command.command_id].is_own
        ]
        return decision

    def boot(self, station: str, version: str | None) -> Decision:
        return self.tell(BootReported(station_id=station, vendor="V", model="M1", firmware_version=version))

    def order(self, body: StartJob | CancelJob) -> Decision:
        self.count += 1
        expires_at = self.now + timedelta(minutes=1)
        return self.tell(Command(id=f"c-{self.count}", issued_at=self.now, expires_at=expires_at, body=body))

    def start(self, job: Any, *stations: str, **more: Any) -> Decision:  # type: ignore[override]
        return self.order(StartJob(job=job, station_ids=stations, **more))

    def answer(self, command: ChargerCommand, is_accepted: bool = True, detail: str = "", **result: Any) -> Decision:
        return self.tell(
            CommandAnswered(
                station_id=command.station_id,
                command_id=command.command_id,
                is_accepted=is_accepted,
                detail=detail,
                result=result or None,
            )
        )

    def firmware(self, station: str, status: str, request_id: int | None = None) -> Decision:
        return self.tell(FirmwareStatusReported(station_id=station, status=status, request_id=request_id))

    def steps(self, station: str) -> list[str]:
        return [body.status.value for body in self.found(JobStepChanged) if body.station_id == station]

    @property
    def ended(self) -> tuple[int, int, int]:
        (end,) = self.found(JobEnded)
        return end.done, end.failed, end.cancelled

    @property
    def job_id(self) -> str:
        return self.found(JobBegun)[-1].job_id

    def tick(self, **time: float) -> Decision:
        self.now += timedelta(**time)
        return self.tell(Ticked())


UPDATE = UpdateFirmwareJob(file_id=FILE.file_id)


def test_firmware_goes_its_whole_way_and_the_new_version_ends_it() -> None:
    play = JobPlay(SIGNED)
    decision = play.start(UPDATE, "B")
    (command,) = decision.commands
    assert isinstance(command.operation, UpdateFirmware)
    assert command.operation.signature == "c2ln"
    assert command.operation.location.startswith("http://files:9002/get/")
    assert command.operation.location.endswith("/m1.bin")
    assert OFFERS.read(command.operation.location.removeprefix("http://files:9002")).station_id == "B"  # type: ignore[union-attr]
    request_id = command.operation.request_id
    (finished,) = decision.outcomes
    assert finished.result == {"job_id": play.job_id, "stations": 1}
    play.answer(command)
    play.firmware("B", "Downloading", request_id)
    play.firmware("B", "Installing", (request_id or 0) + 1)  # of another request
    play.tell(FileFetched(job_id=play.job_id, station_id="B", sent_bytes=4, is_whole=True))
    for status in ("Downloaded", "SignatureVerified", "Installing", "Installed"):
        play.firmware("B", status, request_id)
    assert play.steps("B") == ["asked", "accepted", "downloading", "downloaded", "installing", "installed"]
    play.boot("B", "2.0")
    assert play.steps("B")[-1] == "done"
    assert play.ended == (1, 0, 0)
    assert not play.site.jobs


def test_a_16_station_names_no_request_and_installed_is_enough_when_its_boot_came_before() -> None:
    play = JobPlay()
    (command,) = play.start(UPDATE, "A").commands
    assert isinstance(command.operation, UpdateFirmware)
    assert command.operation.signature is None
    play.answer(command)
    play.firmware("A", "Installing")
    play.boot("A", "2.0")
    assert play.steps("A")[-1] == "done"
    play.firmware("A", "Installed")  # after the fact: nothing more
    assert play.ended == (1, 0, 0)


def test_signed_firmware_goes_unsigned_to_a_16_station_without_the_security_extension() -> None:
    play = JobPlay(SIGNED)
    (command,) = play.start(UPDATE, "A").commands
    (again,) = play.answer(command, False, "NotImplemented: no such action").commands
    assert isinstance(again.operation, UpdateFirmware)
    assert again.operation.signature is None
    assert play.steps("A") == ["asked", "asked"]
    play.answer(again, False, "NotImplemented: that neither")
    assert play.ended == (0, 1, 0)


@pytest.mark.parametrize("status", ["DownloadFailed", "InstallationFailed", "InstallVerificationFailed"])
def test_a_failure_is_a_failure(status: str) -> None:
    play = JobPlay()
    (command,) = play.start(UPDATE, "A").commands
    play.answer(command)
    play.firmware("A", status)
    assert play.found(JobStepChanged)[-1].detail == status
    assert play.ended == (0, 1, 0)


def test_a_station_that_boots_with_the_old_version_after_an_update_has_failed() -> None:
    play = JobPlay()
    play.answer(play.start(UPDATE, "A").commands[0])
    play.firmware("A", "Installed")
    play.boot("A", "1.0")
    assert play.site.jobs
    play.tick(minutes=16)
    assert play.found(JobStepChanged)[-1].detail == "after a boot it still tells 1.0"
    assert play.ended == (0, 1, 0)


def test_a_station_that_says_installed_and_does_not_boot_is_believed_after_a_while() -> None:
    play = JobPlay()
    play.answer(play.start(UPDATE, "A").commands[0])
    play.firmware("A", "Installed")
    play.tick(minutes=16)
    assert play.ended == (1, 0, 0)


def test_what_a_station_has_already_or_what_is_not_for_it_is_not_asked() -> None:
    play = JobPlay()
    play.boot("A", "2.0")
    play.tell(BootReported(station_id="B", vendor="V", model="other"))
    assert not play.start(UPDATE, "A", "B").commands
    assert play.ended == (1, 1, 0)
    assert [body.detail for body in play.found(JobStepChanged)] == ["it has 2.0 already", "the file is for V M*"]


def test_no_more_than_so_many_at_once_and_only_those_that_are_connected() -> None:
    play = JobPlay(at_once=1)
    play.tell(StationDisconnected(station_id="A"))
    (command,) = play.order(StartJob(job=UPDATE, match=StationPattern(model="m?"))).commands
    assert command.station_id == "B"
    play.tell(StationConnected(station_id="A", abilities=play.site.stations["A"].abilities))  # type: ignore[arg-type]
    assert not play.tick(seconds=10).commands  # B has the turn
    play.answer(command)
    (other,) = play.boot("B", "2.0").commands
    assert other.station_id == "A"
    assert play.steps("A") == ["asked"]


def test_a_station_that_did_not_hear_is_asked_again_three_times_at_most() -> None:
    play = JobPlay()
    decision = play.start(UPDATE, "A")
    for attempt in (1, 2, 3):
        (command,) = decision.commands
        assert play.site.jobs[play.job_id].steps["A"].attempt == attempt
        assert not play.answer(command, False, "Timeout: no answer").commands
        decision = play.tick(minutes=3) if attempt < 3 else decision
    assert play.ended == (0, 1, 0)


def test_a_question_that_got_lost_is_asked_again_and_one_on_its_way_is_not() -> None:
    play = JobPlay()
    play.start(UPDATE, "A")
    assert not play.tick(minutes=4).commands
    play.site.commands.clear()  # as after a restart: whether it was heard cannot be known
    play.tick(seconds=10)
    assert play.steps("A") == ["asked", "waiting"]
    assert len(play.tick(minutes=3).commands) == 1


def test_a_station_that_tells_nothing_any_more_has_failed() -> None:
    play = JobPlay()
    play.answer(play.start(UPDATE, "A").commands[0])
    play.firmware("A", "Downloading")
    play.tick(minutes=50)
    assert play.site.jobs
    play.firmware("A", "Downloading")  # a sign of life
    play.tick(minutes=50)
    assert play.site.jobs
    play.tick(minutes=11)
    assert play.ended == (0, 1, 0)


def test_a_job_gives_up_on_stations_that_never_come() -> None:
    play = JobPlay()
    play.tell(StationDisconnected(station_id="A"))
    play.start(UPDATE, "A", give_up_after_s=3600)
    play.tick(minutes=59)
    assert play.site.jobs
    play.tick(minutes=1)
    assert play.ended == (0, 1, 0)


def test_cancelled() -> None:
    play = JobPlay(at_once=1)
    play.start(UPDATE, "A", "B")
    decision = play.order(CancelJob(job_id=play.job_id))
    assert decision.outcomes[0].result == {"job_id": play.job_id, "asked_already": 1}
    assert play.ended == (0, 0, 2)
    assert play.order(CancelJob(job_id=play.job_id)).outcomes[0].outcome is Outcome.REJECTED


def test_what_makes_no_job() -> None:
    play = JobPlay()

    def refusal(decision: Decision) -> str:
        (finished,) = decision.outcomes
        assert finished.outcome is Outcome.REJECTED
        return finished.detail

    assert "no station X" in refusal(play.start(UPDATE, "X"))
    assert "name the stations" in refusal(play.start(UPDATE))
    assert "no station is like" in refusal(play.order(StartJob(job=UPDATE, match=StationPattern(model="Z"))))
    assert "no firmware" in refusal(play.start(UpdateFirmwareJob(file_id="00000000"), "A"))
    play.start(UPDATE, "A")
    assert "in job" in refusal(play.start(UPDATE, "A", "B"))
    without = Play(site=new_site())
    body = StartJob(job=GetLogJob(), station_ids=("A",))
    assert "no [files]" in refusal(
        without.tell(Command(id="c", issued_at=START, expires_at=START + timedelta(1), body=body))
    )


def test_a_log_is_done_when_the_file_is_here() -> None:
    play = JobPlay()
    (command,) = play.start(GetLogJob(), "B").commands
    assert isinstance(command.operation, GetLog)
    play.answer(command, file_name="x.log")
    request_id = command.operation.request_id
    play.tell(LogStatusReported(station_id="B", status="Uploading", request_id=request_id))
    play.tell(LogStatusReported(station_id="B", status="Uploaded", request_id=request_id))
    assert play.site.jobs
    play.tell(FileBrought(job_id=play.job_id, station_id="B", name="B/x.log", size_bytes=7, sha256="ab"))
    assert play.steps("B") == ["asked", "accepted", "uploading", "uploading", "done"]
    assert play.found(JobStepChanged)[-1].result == {"file": "B/x.log", "size_bytes": 7, "sha256": "ab"}
    assert play.ended == (1, 0, 0)


def test_a_16_station_without_get_log_is_asked_for_its_diagnostics() -> None:
    play = JobPlay()
    (command,) = play.start(GetLogJob(), "A").commands
    (again,) = play.answer(command, False, "NotImplemented: what?").commands
    assert isinstance(again.operation, GetDiagnostics)
    play.answer(again, file_name="d.zip")
    play.tell(FileBrought(job_id=play.job_id, station_id="A", name="A/d.zip", size_bytes=7, sha256="ab"))
    assert play.ended == (1, 0, 0)
    second = JobPlay()
    (command,) = second.start(GetLogJob(), "A").commands
    (again,) = second.answer(command, False, "NotSupported: what?").commands
    second.answer(again)
    assert second.found(JobStepChanged)[-1].detail == "it has nothing to bring"


def test_a_template_is_set_read_back_and_compared() -> None:
    play = JobPlay()
    job = ApplyTemplateJob(name="fleet", settings=SETTINGS, match=StationPattern(firmware="1.*"))
    play.boot("A", "9.0")
    (command,) = play.start(job, "A", "B").commands
    assert play.found(JobStepChanged)[0].detail == "the template is not for V M1 9.0"
    assert command.operation == SetVariables(settings=SETTINGS)
    statuses = [
        {"component": "", "variable": "HeartbeatInterval", "status": "Accepted"},
        {"component": "OCPPCommCtrlr", "variable": "RetryBackOffRandomRange", "status": "UnknownVariable"},
    ]
    (reading,) = play.answer(command, False, "1 of 2", variables=statuses).commands
    assert isinstance(reading.operation, GetVariables)
    told = [{"component": "OCPPCommCtrlr", "variable": "HeartbeatInterval", "value": " 300.0 "}]
    play.answer(reading, variables=told, unknown=[])
    step = play.found(JobStepChanged)[-1]
    assert (step.status, step.detail) == (StepStatus.FAILED, "1 of 2 taken")
    assert step.result is not None
    rows: Any = step.result["variables"]
    assert [(row["status"], row["read"], row["is_equal"]) for row in rows] == [
        ("Accepted", " 300.0 ", True),
        ("UnknownVariable", None, None),
    ]
    assert play.ended == (0, 2, 0)


@pytest.mark.parametrize(("status", "is_good"), [("UnknownVariable", False), ("Rejected", True)])
def test_a_setting_that_was_taken_and_cannot_be_read_is_good_unless_it_is_not_known(status: str, is_good: bool) -> None:
    play = JobPlay()
    (command,) = play.start(ApplyTemplateJob(name="t", settings=SETTINGS[:1]), "B").commands
    row = {"component": "OCPPCommCtrlr", "variable": "HeartbeatInterval"}  # as 2.0.1 has that key
    (reading,) = play.answer(command, variables=[{**row, "status": "Accepted"}]).commands
    play.answer(reading, variables=[], unknown=[{**row, "status": status}])
    assert play.ended == ((1, 0, 0) if is_good else (0, 1, 0))


def test_a_template_that_a_station_cannot_even_read() -> None:
    play = JobPlay()
    (command,) = play.start(ApplyTemplateJob(name="t", settings=SETTINGS), "B").commands
    play.answer(command, False, "FormationViolation: ?")
    assert play.ended == (0, 1, 0)


def test_the_catalogue() -> None:
    play = JobPlay()
    assert isinstance(play.tell(FirmwareFileRemoved(file_id="nope")).reply, Refused)
    play.start(UPDATE, "A")
    assert isinstance(play.tell(FirmwareFileRemoved(file_id=FILE.file_id)).reply, Refused)
    play.order(CancelJob(job_id=play.job_id))
    assert isinstance(play.tell(FirmwareFileRemoved(file_id=FILE.file_id)).reply, Done)
    assert not play.site.firmware


def test_every_outcome_of_an_order_is_journaled() -> None:
    play = JobPlay()
    play.start(UPDATE, "A")
    assert [body.outcome for body in play.found(CommandFinished)] == [Outcome.ACCEPTED]
