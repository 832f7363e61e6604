"""The HTTP server for stations: firmware out, in parts where they want it so, and logs in.

Every address is an offer (edge/domain/offers.py): for one station, one job, until a time, and only while that job is
open. Whatever is no offer is not found. Uploads are bounded in size, in number at a time and in all, and a station that
stalls is cut off. The site hears of a file when it is whole; a station is told so when the site has kept it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import structlog
from aiohttp import BodyPartReader, ClientPayloadError, web

from edge.domain.events import FileBrought, FileFetched
from edge.domain.offers import Offer, Offers
from edge.files.file_metrics import FileMetrics
from edge.files.ranges import Part, Unsatisfiable, wanted_part
from edge.files.store import CHUNK_BYTES, FileStore, Incoming, Stored
from edge.ports import Clock, Inbox, Overloaded
from protocols.charger.jobs import FirmwareFile

STALL_S: Final = 60.0
"""A station that neither takes nor sends a byte for so long is cut off."""
IDLE_S: Final = 30.0
MAX_CONNECTIONS: Final = 512
MAX_DOWNLOADS: Final = 64
MAX_UPLOADS: Final = 8
RETRY_AFTER_S: Final = 60
TIDY_EVERY_S: Final = 3600.0
KEEPALIVE_S: Final = 30.0
_WHITE: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileServerSettings:
    """Where to listen, and the bounds of what stations bring: of one file, and of all that are kept."""

    host: str
    port: int
    max_upload_bytes: int
    max_kept_bytes: int
    keep: timedelta
    stall_s: float = STALL_S
    idle_s: float = IDLE_S
    max_connections: int = MAX_CONNECTIONS


class _Closed(asyncio.Protocol):
    """For a connection that there is no room for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class FileServer:
    """`firmware_of` tells a file of the catalogue by its id, `is_open` whether a job still waits for a station."""

    def __init__(
        self,
        settings: FileServerSettings,
        offers: Offers,
        store: FileStore,
        inbox: Inbox,
        clock: Clock,
        firmware_of: Callable[[str], FirmwareFile | None],
        is_open: Callable[[str, str], bool],
        metrics: FileMetrics,
    ) -> None:
        self._settings = settings
        self._offers = offers
        self._store = store
        self._inbox = inbox
        self._clock = clock
        self._firmware_of = firmware_of
        self._is_open = is_open
        self._metrics = metrics
        self._kept_bytes = 0
        self._uploading: set[tuple[str, str]] = set()
        self._downloads = 0
        self._busy: set[Any] = set()
        self._log = structlog.get_logger("edge.files")
        metrics.watch(lambda: self._kept_bytes)

    async def run(self, on_listening: Callable[[int], None] = lambda _port: None) -> None:
        """Serve until cancelled. Raises OSError when the port is taken or the folder cannot be used."""
        self._kept_bytes = await asyncio.to_thread(self._store.prepare)
        app = web.Application(client_max_size=self._settings.max_upload_bytes)
        app.router.add_route("*", "/{path:.*}", self._answer, expect_handler=_expect_nothing)
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, keepalive_timeout=KEEPALIVE_S, shutdown_timeout=1.0
        )
        await runner.setup()
        try:
            server = runner.server
            if server is None:
                raise RuntimeError("aiohttp has made no server")
            loop, settings = asyncio.get_running_loop(), self._settings
            door = partial(self._let_in, server)
            async with await loop.create_server(door, settings.host, settings.port, backlog=256) as listening:
                port = listening.sockets[0].getsockname()[1]
                self._log.info("files_listening", host=settings.host, port=port)
                on_listening(port)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._tidy(), name="files-tidy")
                    tasks.create_task(self._show_out(server), name="files-idle")
        finally:
            await runner.cleanup()

    def _let_in(self, server: web.Server) -> asyncio.BaseProtocol:
        """No more connections than the agent can bear: its files are for the stations' sockets."""
        if len(server.connections) >= self._settings.max_connections:
            self._metrics.requests.labels("none", "full").inc()
            return _Closed()
        return server()

    async def _show_out(self, server: web.Server) -> None:
        """Close what is connected and asks for nothing, or takes for ever to say what it wants."""
        loop = asyncio.get_running_loop()
        idle_since_s: dict[Any, float] = {}
        while True:
            await asyncio.sleep(self._settings.idle_s / 4)
            now_s = loop.time()
            idle_since_s = {
                each: idle_since_s.get(each, now_s) for each in server.connections if each not in self._busy
            }
            for connection, since_s in idle_since_s.items():
                if now_s - since_s > self._settings.idle_s and connection.transport is not None:
                    connection.transport.abort()

    async def _tidy(self) -> None:
        while True:
            gone = await asyncio.to_thread(self._store.tidy, self._clock(), self._settings.keep)
            self._kept_bytes = max(0, self._kept_bytes - gone)
            await asyncio.sleep(TIDY_EVERY_S)

    # --- requests ---

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        way = "put" if request.method in ("PUT", "POST") else "get"
        self._busy.add(request.protocol)
        try:
            response = await self._offered(request)
        except web.HTTPException as refused:
            self._metrics.requests.labels(way, str(refused.status)).inc()
            self._log.debug("file_refused", method=request.method, status=refused.status, reason=refused.text)
            raise
        except (ConnectionError, TimeoutError, ClientPayloadError):
            self._metrics.requests.labels(way, "broken").inc()
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=408)  # for nobody
        finally:
            self._busy.discard(request.protocol)
        self._metrics.requests.labels(way, str(response.status)).inc()
        return response

    async def _offered(self, request: web.Request) -> web.StreamResponse:
        offer = self._offers.read(request.rel_url.raw_path)
        if offer is None:
            raise web.HTTPNotFound(text="nothing is here\n")
        if self._clock() >= offer.expires_at or not self._is_open(offer.job_id, offer.station_id):
            raise web.HTTPGone(text="this is not offered any more\n")
        if offer.way == "get" and request.method in ("GET", "HEAD"):
            return await self._send(request, offer)
        if offer.way == "put" and request.method in ("PUT", "POST"):
            return await self._receive(request, offer)
        allowed = ("GET", "HEAD") if offer.way == "get" else ("PUT", "POST")
        raise web.HTTPMethodNotAllowed(request.method, allowed, text="not this way\n")

    # --- firmware ---

    async def _send(self, request: web.Request, offer: Offer) -> web.StreamResponse:
        file, path = self._firmware_of(offer.file_id), self._store.firmware(offer.file_id)
        if file is None or path is None:
            raise web.HTTPNotFound(text="nothing is here\n")
        etag = f'"{file.sha256}"'
        headers = {
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Cache-Control": "private, no-transform",
            "Content-Type": "application/octet-stream",
            "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(file.sha256)).decode()}:",
        }
        if _names(request.headers.get("If-None-Match"), etag):
            return web.Response(status=304, headers=headers)
        part = self._part(request, etag, file.size_bytes, headers)
        whole = Part(0, file.size_bytes)
        response = web.StreamResponse(status=206 if part else 200, headers=headers)
        start, stop = (part or whole).start, (part or whole).stop
        if part is not None:
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size_bytes}"
        response.content_length = stop - start
        if request.method == "HEAD":
            await response.prepare(request)
            return response
        if self._downloads >= MAX_DOWNLOADS:
            raise web.HTTPServiceUnavailable(text="busy\n", headers={"Retry-After": str(RETRY_AFTER_S)})
        self._downloads += 1
        try:
            if start == 0:
                self._tell_fetched(offer, 0, is_whole=False)
            await self._stream(request, response, path, start, stop)
        finally:
            self._downloads -= 1
        if stop == file.size_bytes:
            self._tell_fetched(offer, file.size_bytes, is_whole=True)
        return response

    def _part(self, request: web.Request, etag: str, size_bytes: int, headers: dict[str, str]) -> Part | None:
        """What of the file is wanted; If-Range asks for the whole when it is another file by now."""
        condition = request.headers.get("If-Range")
        if condition is not None and condition.strip() != etag:
            return None
        try:
            return wanted_part(request.headers.get("Range"), size_bytes)
        except Unsatisfiable as error:
            facts = {"Content-Range": f"bytes */{size_bytes}", "ETag": headers["ETag"]}
            raise web.HTTPRequestRangeNotSatisfiable(headers=facts, text="no byte is there\n") from error

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, path: Path, start: int, stop: int
    ) -> None:
        with contextlib.closing(await asyncio.to_thread(path.open, "rb")) as file:
            file.seek(start)
            await response.prepare(request)
            while start < stop:
                chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, stop - start))
                if not chunk:
                    raise ConnectionAbortedError("the file ended early")
                async with asyncio.timeout(self._settings.stall_s):
                    await response.write(chunk)
                start += len(chunk)
                self._metrics.sent_bytes.inc(len(chunk))
            async with asyncio.timeout(self._settings.stall_s):
                await response.write_eof()

    def _tell_fetched(self, offer: Offer, sent_bytes: int, *, is_whole: bool) -> None:
        event = FileFetched(job_id=offer.job_id, station_id=offer.station_id, sent_bytes=sent_bytes, is_whole=is_whole)
        with contextlib.suppress(Overloaded):  # the station tells of it, too
            self._inbox.put(event)

    # --- logs ---

    async def _receive(self, request: web.Request, offer: Offer) -> web.Response:
        whose = (offer.job_id, offer.station_id)
        limit = min(self._settings.max_upload_bytes, self._settings.max_kept_bytes - self._kept_bytes)
        if limit <= 0:
            raise web.HTTPInsufficientStorage(text="there is no room for more\n")
        if (request.content_length or 0) > limit + _envelope_bytes(request):
            raise web.HTTPRequestEntityTooLarge(limit, request.content_length or 0)
        if whose in self._uploading:
            raise web.HTTPConflict(text="this is on its way already\n")
        if len(self._uploading) >= MAX_UPLOADS:
            raise web.HTTPServiceUnavailable(text="busy\n", headers={"Retry-After": str(RETRY_AFTER_S)})
        self._uploading.add(whose)
        try:
            return await self._keep(request, offer, limit)
        finally:
            self._uploading.discard(whose)

    async def _keep(self, request: web.Request, offer: Offer, limit: int) -> web.Response:
        await _go_on(request)
        with await asyncio.to_thread(self._store.incoming) as part:
            name = await self._fill(request, part, limit)
            keep = partial(self._store.keep_upload, part, offer.station_id, name, self._clock())
            stored = await asyncio.to_thread(keep)
        self._kept_bytes += stored.size_bytes
        await self._tell_brought(offer, stored)
        self._log.info(
            "log_received", station_id=offer.station_id, job_id=offer.job_id, file=stored.name, bytes=stored.size_bytes
        )
        return web.Response(status=201, text=f"{stored.sha256}  {stored.size_bytes} bytes\n")

    async def _fill(self, request: web.Request, part: Incoming, limit: int) -> str:
        """Write what comes; the file's name as the station calls it."""
        name = unquote(request.rel_url.raw_path.rsplit("/", 1)[-1])
        if request.content_type.startswith("multipart/"):
            field = await _first_file(request)
            chunks, name = self._chunks(field.read_chunk), field.filename or name
        else:
            chunks = self._chunks(partial(request.content.read))
        async for chunk in chunks:
            if part.size_bytes + len(chunk) > limit:
                raise web.HTTPRequestEntityTooLarge(limit, part.size_bytes + len(chunk))
            await asyncio.to_thread(part.write, chunk)
            self._metrics.received_bytes.inc(len(chunk))
        if part.size_bytes == 0:
            raise web.HTTPBadRequest(text="the file is empty\n")
        return name

    async def _chunks(self, read: Callable[[int], Any]) -> AsyncIterator[bytes]:
        while True:
            async with asyncio.timeout(self._settings.stall_s):
                chunk: bytes = await read(CHUNK_BYTES)
            if not chunk:
                return
            yield chunk

    async def _tell_brought(self, offer: Offer, stored: Stored) -> None:
        """Kept by the site before the station is told; where the site is too busy the station tries again."""
        event = FileBrought(
            job_id=offer.job_id,
            station_id=offer.station_id,
            name=stored.name,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
        )
        try:
            await self._inbox.ask(event)
        except Overloaded as error:
            await asyncio.to_thread(self._store.drop_upload, stored)
            self._kept_bytes -= stored.size_bytes
            headers = {"Retry-After": str(RETRY_AFTER_S)}
            raise web.HTTPServiceUnavailable(text="busy\n", headers=headers) from error


def _names(header: str | None, etag: str) -> bool:
    """Whether If-None-Match names this file."""
    if header is None:
        return False
    named = [_WHITE.sub("", each).removeprefix("W/") for each in header.split(",")]
    return "*" in named or etag in named


def _envelope_bytes(request: web.Request) -> int:
    """What a multipart body may have around its file."""
    return 16 * 1024 if request.content_type.startswith("multipart/") else 0


async def _expect_nothing(_request: web.Request) -> None:
    """A station that asks before it sends hears 100 Continue only once its offer is good: see `_go_on`."""


async def _go_on(request: web.Request) -> None:
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _first_file(request: web.Request) -> BodyPartReader:
    """Of a form: the first part that is a file. Raises HTTPBadRequest."""
    try:
        reader = await request.multipart()
        first = await reader.next()
        while isinstance(first, BodyPartReader) and first.filename is None:
            first = await reader.next()
    except (ValueError, AssertionError) as error:
        raise web.HTTPBadRequest(text="the form cannot be read\n") from error
    if not isinstance(first, BodyPartReader):
        raise web.HTTPBadRequest(text="the form has no file\n")
    return first
