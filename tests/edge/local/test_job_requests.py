"""Jobs, firmware, variables and reports at the local socket."""

from __future__ import annotations

from edge.domain.events import FirmwareFileAdded, FirmwareFileRemoved
from protocols.charger.jobs import FirmwareFile, GetLogJob
from protocols.site.requests import (
    AddFirmware,
    BeginJob,
    GetJobs,
    ReadReport,
    ReadVariables,
    RemoveFirmware,
    StopJob,
)
from tests.edge.local.parts import local_site
from tests.edge.local.test_server import ask

FILE = FirmwareFile(file_id="f" * 16, name="f", vendor="V", model="M", version="1", size_bytes=1, sha256="f" * 64)


async def test_what_the_ledger_has_is_read() -> None:
    async with local_site() as site, site.connect() as client:
        assert (await ask(client, GetJobs(id="1"))).result == [{"job_id": "j-1"}]
        assert (await ask(client, GetJobs(id="2", job_id="j-1"))).result == {"job_id": "j-1", "steps": []}
        assert (await ask(client, GetJobs(id="3", job_id="j-2"))).problem == "there is no job j-2"
        assert (await ask(client, ReadVariables(id="4", station_id="S1"))).result[0]["value"] == "S1"
        assert (await ask(client, ReadReport(id="5", station_id="S1", report="monitors"))).problem is None
        missing = await ask(client, ReadReport(id="6", station_id="S1", report="display_messages"))
        assert missing.problem == "S1 has sent no report of display_messages"


async def test_jobs_are_ordered_by_the_decisions_of_the_hub() -> None:
    async with local_site() as site, site.connect() as client:
        begun = await ask(client, BeginJob(id="1", job=GetLogJob(), station_ids=("A", "B")))
        assert begun.result == {"job_id": "j-1", "stations": 2, "job": "get_log"}
        stopped = await ask(client, StopJob(id="2", job_id="j-9"))
        assert (stopped.result, stopped.problem) == (None, "j-9 is not open")


async def test_the_catalogue_is_changed() -> None:
    async with local_site() as site, site.connect() as client:
        await ask(client, AddFirmware(id="1", file=FILE))
        await ask(client, RemoveFirmware(id="2", file_id=FILE.file_id))
        assert site.inbox.events == [FirmwareFileAdded(file=FILE), FirmwareFileRemoved(file_id=FILE.file_id)]
