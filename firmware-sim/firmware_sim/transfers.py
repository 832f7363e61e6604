"""Files over HTTP, both ways: a download that resumes where it broke off, an upload by PUT, or POST where it must.

Blocking on purpose: it runs in a thread, and every wait has its end.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import ssl
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

_TIMEOUT_S = 10.0
_CHUNK = 64 * 1024
_MAX_BYTES = 256 * 1024 * 1024
_GOOD = range(200, 300)
_OK, _PARTIAL, _FORBIDDEN, _NOT_ALLOWED = 200, 206, (401, 403), (404, 405, 501)
_VERSION = re.compile(rb"OHMSTEAD-FIRMWARE (\S{1,50})")
_VERSION_IN_NAME = re.compile(r"\d+\.\d+(?:\.\d+)*")


class TransferFailed(Exception):
    """`status` is OCPP's word for an upload that failed (UploadLogStatusEnumType)."""

    def __init__(self, why: str, *, status: str = "UploadFailure") -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that is here whole. `version`: of the image's first line, else of its name."""

    content: bytes
    version: str | None

    @property
    def md5(self) -> str:
        """OCPP 2.0.1 PublishFirmware's checksum."""
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()


class Fetching:
    """One download over any number of attempts; each goes on where the last one broke off."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._content = bytearray()
        self._etag: str | None = None

    def attempt(self) -> Fetched:
        """Fetch the rest. Raises TransferFailed; what has come so far is kept."""
        connection, path = _connect(self.url)
        try:
            connection.request("GET", path, headers=self._headers())
            response = connection.getresponse()
            self._begin(response)
            self._read(response)
        except (OSError, http.client.HTTPException) as error:
            raise TransferFailed(str(error) or type(error).__name__) from error
        finally:
            connection.close()
        content = bytes(self._content)
        return Fetched(content=content, version=_version(content, self.url))

    def _headers(self) -> dict[str, str]:
        if not self._content:
            return {}
        resumed = {"Range": f"bytes={len(self._content)}-"}
        return resumed | ({} if self._etag is None else {"If-Range": self._etag})

    def _begin(self, response: http.client.HTTPResponse) -> None:
        if response.status == _OK:
            self._content.clear()
        elif response.status != _PARTIAL:
            self._content.clear()
            raise TransferFailed(f"HTTP {response.status}")
        self._etag = response.headers.get("ETag")

    def _read(self, response: http.client.HTTPResponse) -> None:
        length = response.headers.get("Content-Length")
        expected = None if length is None else len(self._content) + int(length)
        while chunk := response.read(_CHUNK):
            self._content += chunk
            if len(self._content) > _MAX_BYTES:
                raise TransferFailed("too large")
        if expected is not None and len(self._content) != expected:
            raise TransferFailed(f"{len(self._content)} of {expected} bytes came")


def send(url: str, filename: str, content: bytes) -> None:
    """Upload a file. A location that ends in a slash is a folder. Raises TransferFailed."""
    target = url + quote(filename) if url.endswith("/") else url
    for method in ("PUT", "POST"):
        connection, path = _connect(target)
        try:
            connection.request(method, path, body=content, headers={"Content-Type": "application/octet-stream"})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise TransferFailed(str(error) or type(error).__name__) from error
        finally:
            connection.close()
        if status in _GOOD:
            return
        if status in _FORBIDDEN:
            raise TransferFailed(f"HTTP {status}", status="PermissionDenied")
        if status not in _NOT_ALLOWED:
            break
    raise TransferFailed(f"HTTP {status}")


def _connect(url: str) -> tuple[http.client.HTTPConnection, str]:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        raise TransferFailed(f"{parts.scheme or 'no'} protocol is not spoken here", status="NotSupportedOperation")
    try:
        port = parts.port
    except ValueError as error:
        raise TransferFailed("not a port", status="BadMessage") from error
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, port, timeout=_TIMEOUT_S), path
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(parts.hostname, port, timeout=_TIMEOUT_S, context=context), path


def _version(content: bytes, url: str) -> str | None:
    found = _VERSION.match(content)
    if found is not None:
        return found.group(1).decode("ascii", "replace")
    named = _VERSION_IN_NAME.findall(urlsplit(url).path.rpartition("/")[2])
    return named[-1] if named else None
