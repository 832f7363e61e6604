"""What the staff asks of jobs, firmware, variables and reports, and who answers it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import uuid4

from edge.ports import Clock, Commands, Overloaded, Reports
from protocols.site.requests import BeginJob, GetJobs, ReadReport, ReadVariables, StopJob
from protocols.site.view import Answer
from protocols.sync.down import CancelJob, Command, StartJob
from protocols.sync.up import Outcome

EXPIRES_AFTER: Final = timedelta(minutes=1)


async def order_job(commands: Commands, clock: Clock, request: BeginJob | StopJob) -> Answer:
    """By the same decisions as the hub's; answered when the job is begun, not when it has ended."""
    body: StartJob | CancelJob
    match request:
        case BeginJob():
            body = StartJob(
                job=request.job,
                station_ids=request.station_ids,
                match=request.match,
                at_once=request.at_once,
                give_up_after_s=request.give_up_after_s,
            )
        case StopJob():
            body = CancelJob(job_id=request.job_id)
    now = clock()
    command = Command(id=f"local-{uuid4()}", issued_at=now, expires_at=now + EXPIRES_AFTER, body=body)
    try:
        finished = await commands.carry_out(command)
    except Overloaded:
        return Answer(id=request.id, problem="the agent is too busy and has changed nothing; try again")
    if finished.outcome is not Outcome.ACCEPTED:
        return Answer(id=request.id, problem=finished.detail)
    return Answer(id=request.id, result=finished.result)


async def read(reports: Reports, request: GetJobs | ReadVariables | ReadReport) -> Answer:
    match request:
        case GetJobs(job_id=None):
            return Answer(id=request.id, result=await reports.jobs())
        case GetJobs(job_id=str() as job_id):
            job = await reports.job(job_id)
            return Answer(id=request.id, result=job, problem=None if job else f"there is no job {job_id}")
        case ReadVariables():
            return Answer(id=request.id, result=await reports.variables(request.station_id))
        case ReadReport():
            report = await reports.report(request.station_id, request.report)
            problem = None if report else f"{request.station_id} has sent no report of {request.report}"
            return Answer(id=request.id, result=report, problem=problem)
        case _:
            raise TypeError(f"{type(request).__name__} is no question for the ledger")
