"""Whatever stations do: a job asks no more of them than it may, comes to its end, and its journal tells all of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.events import FileBrought, FileFetched
from edge.domain.job import MAX_ATTEMPTS
from protocols.charger.commands import ChargerCommand
from protocols.charger.events import StationConnected, StationDisconnected
from protocols.charger.jobs import ApplyTemplateJob, GetLogJob, StepStatus
from protocols.sync.down import CancelJob
from protocols.sync.upkeep import JobEnded, JobStepChanged
from tests.edge.domain.test_jobs import SETTINGS, SIGNED, UPDATE, JobPlay

STATION = st.sampled_from(["A", "B"])
WORDS = st.sampled_from(["Idle", "Downloading", "Downloaded", "Installing", "Installed", "DownloadFailed", "Nonsense"])
DETAILS = st.sampled_from(["", "Rejected", "Timeout: x", "NotConnected: x", "NotImplemented: x"])
ACTIONS = st.one_of(
    st.tuples(st.just("answer"), st.booleans(), DETAILS),
    st.tuples(st.just("status"), STATION, WORDS),
    st.tuples(st.just("boot"), STATION, st.sampled_from(["1.0", "2.0", None])),
    st.tuples(st.just("link"), STATION, st.booleans()),
    st.tuples(st.just("fetched"), STATION, st.booleans()),
    st.tuples(st.just("brought"), STATION, st.none()),
    st.tuples(st.just("time"), st.integers(1, 90), st.none()),
    st.tuples(st.just("lost"), st.none(), st.none()),
)


class WildPlay(JobPlay):
    """Remembers what was asked and not answered yet, and looks at the job after everything that happens."""

    def __init__(self) -> None:
        self.asked: list[ChargerCommand] = []
        super().__init__(SIGNED)

    def tell(self, event: Any) -> Any:
        decision = super().tell(event)
        self.asked += decision.commands
        for job in self.site.jobs.values():
            ended = {name for name, step in job.steps.items() if step.status.is_ended}
            assert set(job.waiting) | set(job.active) | ended == set(job.steps)
            assert len(job.waiting) + len(job.active) + len(ended) == len(job.steps)
            assert len(job.active) <= job.at_once
            assert all(step.attempt <= MAX_ATTEMPTS for step in job.steps.values())
        return decision

    def do(self, action: str, one: Any, other: Any) -> None:
        match action:
            case "answer" if self.asked:
                rows = [{"variable": "HeartbeatInterval", "status": "Accepted", "value": "300"}] * 2
                self.answer(self.asked.pop(0), one, other, **({"variables": rows} if one else {}))
            case "status":
                self.firmware(one, other)
            case "boot":
                self.boot(one, other)
            case "link":
                station = self.site.stations[one]
                assert station.abilities is not None
                self.tell(
                    StationConnected(station_id=one, abilities=station.abilities)
                    if other
                    else StationDisconnected(station_id=one)
                )
            case "fetched":
                self.tell(FileFetched(job_id=self.job_id, station_id=one, sent_bytes=4, is_whole=other))
            case "brought":
                self.tell(FileBrought(job_id=self.job_id, station_id=one, name="x", size_bytes=1, sha256="a"))
            case "time":
                self.tick(minutes=one)
            case "lost":
                self.asked.clear()
                self.site.commands.clear()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([UPDATE, GetLogJob(), ApplyTemplateJob(name="t", settings=SETTINGS)]),
    st.integers(1, 2),
    st.lists(ACTIONS, max_size=40),
    st.booleans(),
)
def test_a_job_comes_to_its_end(
    job: Any, at_once: int, actions: list[tuple[str, Any, Any]], is_cancelled: bool
) -> None:
    play = WildPlay()
    play.start(job, "A", "B", at_once=at_once)
    job_id = play.job_id
    for action in actions:
        play.do(*action)
    if is_cancelled and play.site.jobs:
        play.order(CancelJob(job_id=job_id))
    play.site.commands.clear()
    for _ in range(100):
        play.tick(hours=1)
    assert not play.site.jobs
    told: dict[str, StepStatus] = {}
    for body in play.found(JobStepChanged):
        assert body.station_id not in told or not told[body.station_id].is_ended, "what has ended goes no further"
        told[body.station_id] = body.status
    (end,) = play.found(JobEnded)
    assert set(told) == {"A", "B"}
    assert (end.done, end.failed, end.cancelled) == tuple(
        list(told.values()).count(status) for status in (StepStatus.DONE, StepStatus.FAILED, StepStatus.CANCELLED)
    )
