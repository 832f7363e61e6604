"""The file server over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from edge.domain.events import Done, FileBrought, FileFetched
from edge.domain.offers import Offers
from edge.files.file_metrics import FileMetrics
from edge.files.file_server import MAX_UPLOADS, FileServer, FileServerSettings
from edge.files.store import FileStore
from edge.ports import Overloaded
from protocols.charger.jobs import FirmwareFile
from tests.kit import wait_until

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
CONTENT = bytes(number * 7 % 251 for number in range(700_001))
SHA = hashlib.sha256(CONTENT).hexdigest()
FIRMWARE = FirmwareFile(
    file_id=SHA[:16], name="m1.bin", vendor="V", model="M", version="2", size_bytes=len(CONTENT), sha256=SHA
)
JOB, STATION = "edge-1-12", "CP/1 ü"


@dataclass
class FakeInbox:
    """Takes all, or nothing."""

    events: list[Any] = field(default_factory=list)
    is_full: bool = False

    def put(self, event: Any, on_reply: Any = None, is_moot: Any = None) -> None:
        if self.is_full:
            raise Overloaded
        self.events.append(event)

    async def ask(self, event: Any) -> Done:
        self.put(event)
        return Done(text="")


@dataclass
class Place:
    """A running file server and what it stands on."""

    folder: Path
    inbox: FakeInbox = field(default_factory=FakeInbox)
    now: datetime = NOW
    is_open: bool = True
    port: int = 0
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    offers: Offers = field(default_factory=lambda: Offers(public_url="", key=b"k" * 32, good_for=timedelta(hours=1)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, file_id: str = FIRMWARE.file_id) -> str:
        return self.url + self.offers.url("get", JOB, STATION, file_id, NOW, "m1.bin")

    def put(self, name: str = "") -> str:
        return self.url + self.offers.url("put", JOB, STATION, "log", NOW, name)

    def counted(self, way: str, status: str) -> float | None:
        return self.registry.get_sample_value("ohmstead_edge_file_requests_total", {"way": way, "status": status})

    def uploads(self) -> list[Path]:
        return sorted((self.folder / "files" / "uploads").glob("*/*"))

    def cut_off(self) -> list[Path]:
        return list((self.folder / "files" / "incoming").iterdir())


@contextlib.asynccontextmanager
async def served(folder: Path, content: bytes = CONTENT, **settings: Any) -> AsyncIterator[Place]:
    place = Place(folder)
    store = FileStore(folder)
    store.prepare()
    with store.incoming() as part:
        part.write(content)
        store.keep_firmware(part, FIRMWARE.file_id)
    bounds = {"max_upload_bytes": 1_000_000, "max_kept_bytes": 3_000_000, "keep": timedelta(days=30), **settings}
    server = FileServer(
        FileServerSettings(host="127.0.0.1", port=0, **bounds),
        place.offers,
        store,
        place.inbox,
        lambda: place.now,
        {FIRMWARE.file_id: replace(FIRMWARE, size_bytes=len(content))}.get,
        lambda job_id, station_id: place.is_open and (job_id, station_id) == (JOB, STATION),
        FileMetrics(place.registry),
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.run(lambda port: setattr(place, "port", port)))
        await wait_until(lambda: place.port > 0)
        try:
            yield place
        finally:
            running.cancel()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with served(tmp_path) as made:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


# --- firmware ---


async def test_firmware_goes_out_whole_with_its_checksum(place: Place, http: httpx.AsyncClient) -> None:
    answer = await http.get(place.get())
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["etag"] == f'"{SHA}"'
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["repr-digest"].startswith("sha-256=:")
    await wait_until(lambda: len(place.inbox.events) == 2)
    begun, whole = place.inbox.events
    assert begun == FileFetched(job_id=JOB, station_id=STATION, sent_bytes=0, is_whole=False)
    assert whole == FileFetched(job_id=JOB, station_id=STATION, sent_bytes=len(CONTENT), is_whole=True)


async def test_a_head_tells_and_sends_nothing(place: Place, http: httpx.AsyncClient) -> None:
    answer = await http.head(place.get())
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, str(len(CONTENT)), b"")
    assert not place.inbox.events


async def test_firmware_in_parts_is_the_file(place: Place, http: httpx.AsyncClient) -> None:
    together = b""
    while len(together) < len(CONTENT):
        answer = await http.get(place.get(), headers={"Range": f"bytes={len(together)}-{len(together) + 99_999}"})
        assert answer.status_code == 206
        total = len(CONTENT)
        assert (
            answer.headers["content-range"]
            == f"bytes {len(together)}-{len(together) + len(answer.content) - 1}/{total}"
        )
        together += answer.content
    assert together == CONTENT
    await wait_until(lambda: len(place.inbox.events) == 2)


async def test_a_download_that_broke_off_goes_on_where_it_was_if_the_file_is_the_same(
    place: Place, http: httpx.AsyncClient
) -> None:
    rest = {"Range": "bytes=700000-"}
    assert (await http.get(place.get(), headers={**rest, "If-Range": f'"{SHA}"'})).content == CONTENT[700_000:]
    other = await http.get(place.get(), headers={**rest, "If-Range": '"another"'})
    assert (other.status_code, len(other.content)) == (200, len(CONTENT))


async def test_ranges_that_are_not_there_and_files_that_are_known(place: Place, http: httpx.AsyncClient) -> None:
    answer = await http.get(place.get(), headers={"Range": f"bytes={len(CONTENT)}-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")
    for known in (f'"{SHA}"', f'W/"{SHA}", "x"', "*"):
        assert (await http.get(place.get(), headers={"If-None-Match": known})).status_code == 304
    assert not place.inbox.events


async def test_a_station_that_takes_nothing_is_cut_off(tmp_path: Path) -> None:
    big = bytes(50_000_000)
    async with served(tmp_path, content=big, stall_s=0.2) as place:
        _, writer = await asyncio.open_connection("127.0.0.1", place.port, limit=1024)
        path = place.get().removeprefix(place.url)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await writer.drain()
        await wait_until(lambda: place.counted("get", "broken") == 1)
        writer.close()
        assert [event.is_whole for event in place.inbox.events] == [False]


# --- what is no offer ---


async def test_what_is_not_offered_is_not_found(place: Place, http: httpx.AsyncClient) -> None:
    for path in ("/", "/get", "/files/firmware/" + FIRMWARE.file_id, "/get/../../etc/passwd", "/get/a/b/c/d/e/f"):
        assert (await http.get(place.url + path)).status_code == 404
        assert (await http.put(place.url + path, content=b"x")).status_code == 404
    assert (await http.get(place.get("0123456789abcdef"))).status_code == 404
    assert (await http.get(place.get("../../ledger.sqlite"))).status_code == 404
    assert (await http.put(place.get(), content=b"x")).status_code == 405
    assert (await http.get(place.put())).status_code == 405
    assert (await http.delete(place.put())).status_code == 405
    assert not place.uploads()
    assert not place.inbox.events


async def test_an_offer_ends_with_its_time_and_with_its_job(place: Place, http: httpx.AsyncClient) -> None:
    place.is_open = False
    assert (await http.get(place.get())).status_code == 410
    assert (await http.put(place.put(), content=b"x")).status_code == 410
    place.is_open, place.now = True, NOW + timedelta(hours=1)
    assert (await http.get(place.get())).status_code == 410


# --- logs ---


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_log_comes_in(place: Place, http: httpx.AsyncClient, method: str) -> None:
    answer = await http.request(method, place.put("station log.gz"), content=CONTENT)
    assert answer.status_code == 201
    assert answer.text.startswith(SHA)
    (path,) = place.uploads()
    assert path.read_bytes() == CONTENT
    assert path.name.startswith("20260302T080000Z-")
    assert path.name.endswith("-station_log.gz")
    (event,) = place.inbox.events
    name = f"{path.parent.name}/{path.name}"
    assert event == FileBrought(job_id=JOB, station_id=STATION, name=name, size_bytes=len(CONTENT), sha256=SHA)
    assert not place.cut_off()


async def test_a_log_comes_in_as_a_form(place: Place, http: httpx.AsyncClient) -> None:
    form: Any = {"file": ("diag.zip", CONTENT, "application/zip")}
    answer = await http.post(place.put(), data={"comment": "x"}, files=form)
    assert answer.status_code == 201
    (path,) = place.uploads()
    assert path.read_bytes() == CONTENT
    assert path.name.endswith("-diag.zip")
    assert (await http.post(place.put(), data={"a": "b"})).status_code == 201  # a form without a file is a file
    assert (await http.post(place.put(), files={"a": (None, b"b")})).status_code == 400


@pytest.mark.parametrize("name", ["../../../evil", "/etc/passwd", ".hidden", "a\0b", "..", "ü" * 300, "%2e%2e%2fx"])
async def test_no_name_leaves_the_folder(place: Place, http: httpx.AsyncClient, name: str) -> None:
    answer = await http.put(place.put(name), content=b"x")
    assert answer.status_code == (404 if name == ".." else 201)  # a client leaves ".." out, with the offer's last part
    form: Any = {"file": (name, b"x")}
    with contextlib.suppress(httpx.InvalidURL):
        await http.post(place.put(), files=form)
    every = [path for path in place.folder.rglob("*") if path.is_file()]
    inside = place.uploads()
    assert {path for path in every if path.parent.name != "firmware"} == set(inside)
    assert all(path.resolve().is_relative_to(place.folder / "files" / "uploads") for path in inside)
    assert all(not path.name.startswith(".") for path in inside)


async def test_uploads_are_bounded(tmp_path: Path, http: httpx.AsyncClient) -> None:
    async with served(tmp_path, max_upload_bytes=1000, max_kept_bytes=1500) as place:

        async def unsized(count: int) -> AsyncIterator[bytes]:
            for _ in range(count):
                yield b"x" * 100

        assert (await http.put(place.put(), content=b"x" * 1001)).status_code == 413
        assert (await http.put(place.put(), content=unsized(11))).status_code == 413
        assert (await http.post(place.put(), files={"f": ("a", b"x" * 1001)})).status_code == 413
        assert (await http.put(place.put(), content=b"")).status_code == 400
        assert not place.uploads()
        assert (await http.put(place.put(), content=unsized(10))).status_code == 201
        assert (await http.put(place.put(), content=b"x" * 501)).status_code == 413
        assert (await http.put(place.put(), content=b"x" * 500)).status_code == 201
        assert (await http.put(place.put(), content=b"x")).status_code == 507
        assert not place.cut_off()


async def test_one_upload_at_a_time_for_an_offer_and_what_breaks_off_leaves_nothing(place: Place) -> None:
    async def begin() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        path = place.put().removeprefix(place.url)
        writer.write(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n".encode() + b"x" * 70_000)
        await writer.drain()
        return reader, writer

    _, first = await begin()
    await wait_until(lambda: len(place.cut_off()) == 1)
    reader, second = await begin()
    assert b" 409 " in await reader.readline()
    second.close()
    first.close()
    await wait_until(lambda: not place.cut_off())
    assert not place.uploads()
    assert MAX_UPLOADS > 1


async def test_a_station_that_sends_nothing_is_cut_off(tmp_path: Path) -> None:
    async with served(tmp_path, stall_s=0.2) as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        path = place.put().removeprefix(place.url)
        writer.write(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx".encode())
        await writer.drain()
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        await wait_until(lambda: not place.cut_off())


async def test_whoever_takes_for_ever_to_ask_is_shown_out_and_too_many_do_not_get_in(tmp_path: Path) -> None:
    async with served(tmp_path, idle_s=0.4, max_connections=2) as place:
        slow = [await asyncio.open_connection("127.0.0.1", place.port) for _ in range(2)]
        for _, writer in slow:
            writer.write(b"GET /get/")
        await asyncio.sleep(0)
        reader, third = await asyncio.open_connection("127.0.0.1", place.port)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        await wait_until(lambda: place.counted("none", "full") == 1)
        for reader, _ in slow:
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 10) == b""
        async with httpx.AsyncClient(trust_env=False) as http:  # there is room again
            assert (await http.get(place.get())).content == CONTENT
        for _, writer in (*slow, (None, third)):
            writer.close()


async def test_a_download_that_takes_long_is_not_idle(tmp_path: Path) -> None:
    content = bytes(30_000_000)
    async with served(tmp_path, content=content, idle_s=0.2) as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        path = place.get().removeprefix(place.url)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head
        came = len(await reader.read(1000))
        ends_s = asyncio.get_running_loop().time() + 0.6
        while asyncio.get_running_loop().time() < ends_s:  # longer than anyone may be idle
            came += len(await reader.read(1000))
            await asyncio.sleep(0.01)
        came += len(await reader.readexactly(len(content) - came))
        assert came == len(content)
        writer.close()


async def test_a_station_that_asks_first_hears_go_on_or_no(place: Place) -> None:
    async def ask(path: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        writer.write(head.encode())
        line = await asyncio.wait_for(reader.readline(), 10)
        if b" 100 " in line:
            await reader.readline()
            writer.write(b"abc")
            line += await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        return line

    assert b" 404 " in await ask("/put/no")
    answer = await ask(place.put().removeprefix(place.url))
    assert b" 100 " in answer
    assert b" 201 " in answer


async def test_a_site_that_is_too_busy_keeps_nothing_and_says_so(place: Place, http: httpx.AsyncClient) -> None:
    place.inbox.is_full = True
    answer = await http.put(place.put(), content=b"x")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert not place.uploads()
    assert (await http.get(place.get())).status_code == 200


async def test_what_is_old_goes_and_what_was_cut_off_is_forgotten_at_a_start(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.prepare()
    for age in (10, 40):
        with store.incoming() as part:
            part.write(b"x" * age)
            store.keep_upload(part, "CP1", "a.log", NOW - timedelta(days=age))
    left = store.incoming()
    left.write(b"x")
    assert store.prepare() == 50
    left.__exit__()
    async with served(tmp_path) as place:
        await wait_until(lambda: len(place.uploads()) == 1)
        assert not place.cut_off()
