"""Downloads that break off and go on, uploads by either method, and what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from firmware_sim.transfers import Fetching, TransferFailed, send
from tests.firmware_sim.file_server import Files, serving_files

IMAGE = b"OHMSTEAD-FIRMWARE 2.5.0\n" + bytes(range(256)) * 2_000


@pytest.fixture
def files() -> Iterator[Files]:
    with serving_files() as running:
        yield running


def test_a_whole_file(files: Files) -> None:
    files.offered["/fw.bin"] = IMAGE
    fetched = Fetching(files.url + "/fw.bin").attempt()
    assert (fetched.content, fetched.version) == (IMAGE, "2.5.0")
    assert fetched.md5 == hashlib.md5(IMAGE, usedforsecurity=False).hexdigest()


def test_a_broken_download_goes_on_where_it_broke(files: Files) -> None:
    files.offered["/fw.bin"] = IMAGE
    files.breaks_after = [100_000, 50_000]
    fetching = Fetching(files.url + "/fw.bin")
    for _ in range(2):
        with pytest.raises(TransferFailed):
            fetching.attempt()
    assert fetching.attempt().content == IMAGE
    assert [wanted for _, _, wanted in files.requests] == [None, "bytes=100000-", "bytes=150000-"]


def test_the_version_of_an_image_that_names_none(files: Files) -> None:
    files.offered["/ac22-v4.1.7.bin"] = b"\0" * 10
    assert Fetching(files.url + "/ac22-v4.1.7.bin").attempt().version == "4.1.7"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("{}/none", "HTTP 404"),
        ("ftp://127.0.0.1/fw", "ftp protocol"),
        ("nonsense", "no protocol"),
        ("http://127.0.0.1:99999/", "not a port"),
        ("http://127.0.0.1:1/fw", "refused"),
    ],
)
def test_what_cannot_be_fetched(files: Files, url: str, why: str) -> None:
    with pytest.raises(TransferFailed, match=why):
        Fetching(url.format(files.url)).attempt()


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_uploads(files: Files, method: str) -> None:
    files.upload_method = method
    send(files.url + "/logs/", "a b.log", b"lines")
    send(files.url + "/exact", "a.log", b"others")
    assert files.uploaded == {"/logs/a%20b.log": b"lines", "/exact": b"others"}


@pytest.mark.parametrize(("code", "status"), [(403, "PermissionDenied"), (507, "UploadFailure")])
def test_uploads_that_fail(files: Files, code: int, status: str) -> None:
    files.upload_status = code
    with pytest.raises(TransferFailed) as failed:
        send(files.url + "/", "a.log", b"lines")
    assert failed.value.status == status
    assert len(files.requests) == 1
