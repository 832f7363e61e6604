"""What a station does beside its conversation: downloads, uploads, keys; in threads, one of a kind at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import assert_never

from firmware_sim import crypto
from firmware_sim.clock import SiteClock
from firmware_sim.messages import Event
from firmware_sim.orders import Download, Downloaded, Job, KeyMade, MakeKey, Upload, Uploaded
from firmware_sim.transfers import Fetching, TransferFailed, send

_WAITING = 32
"""Jobs that may wait to begin; one more is refused by `start`, which only a CSMS gone mad would see."""


class Jobs:
    """`run` lives beside the station; `start` hands a job in, `done` hears what became of it."""

    def __init__(self, clock: SiteClock, done: Callable[[Event], object]) -> None:
        self._clock = clock
        self._done = done
        self._queue: asyncio.Queue[Job] = asyncio.Queue(maxsize=_WAITING)
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(self, job: Job) -> bool:
        """Begin a job as soon as possible; one for the same purpose is given up. False when too many wait."""
        try:
            self._queue.put_nowait(job)
        except asyncio.QueueFull:
            return False
        return True

    async def run(self) -> None:
        """Do jobs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                job = await self._queue.get()
                purpose = _purpose(job)
                if (before := self._running.get(purpose)) is not None:
                    before.cancel()
                self._running[purpose] = tasks.create_task(self._do(job))

    async def _do(self, job: Job) -> None:
        match job:
            case Download():
                self._done(await self._download(job))
            case Upload():
                self._done(await self._upload(job))
            case MakeKey():
                key, csr = await asyncio.to_thread(crypto.new_key_and_csr, job.common_name, job.organization)
                self._done(KeyMade(use=job.use, key=key, csr=csr))
            case _:
                assert_never(job)

    async def _download(self, job: Download) -> Downloaded:
        fetching = Fetching(job.url)
        error = ""
        for attempt in range(job.retries + 1):
            if attempt:
                await self._clock.sleep(job.retry_interval_s)
            try:
                fetched = await asyncio.to_thread(fetching.attempt)
            except TransferFailed as failed:
                error = str(failed)
                continue
            is_valid = None
            if job.signature is not None:
                is_valid = crypto.is_signed(fetched.content, job.signature, job.certificate or "")
            return Downloaded(job=job, version=fetched.version, md5=fetched.md5, is_signature_valid=is_valid)
        return Downloaded(job=job, error=error)

    async def _upload(self, job: Upload) -> Uploaded:
        status = ""
        for attempt in range(job.retries + 1):
            if attempt:
                await self._clock.sleep(job.retry_interval_s)
            try:
                await asyncio.to_thread(send, job.url, job.filename, job.content)
            except TransferFailed as failed:
                status = failed.status
                continue
            return Uploaded(job=job)
        return Uploaded(job=job, error=status)


def _purpose(job: Job) -> str:
    match job:
        case Download():
            return job.purpose
        case Upload():
            return "upload"
        case MakeKey():
            return f"key {job.use}"
        case _:
            assert_never(job)
