"""Addresses of the file server: each names its station, its job and its end, and a code that nobody can guess.

The code is made from a secret of the agent, so the server needs no list of what was offered, and an address stays good
when the agent restarts. One that was altered in any part is no address.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Literal
from urllib.parse import quote, unquote

Way = Literal["get", "put"]
CODE_CHARS: Final = 22
"""128 bits."""
_PARTS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Who may fetch (`get`) the file `file_id`, or bring one (`put`, `file_id` is "log"), for which job, until when."""

    way: Way
    job_id: str
    station_id: str
    file_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """`public_url` is how stations reach the file server; the addresses are good for so long."""

    public_url: str
    key: bytes
    good_for: timedelta

    def url(self, way: Way, job_id: str, station_id: str, file_id: str, now: datetime, name: str = "") -> str:
        """The address of an offer. `name` at its end is for stations that save a file under it."""
        expires_s = int((now + self.good_for).timestamp())
        parts = (way, f"{expires_s:x}", self._code(way, expires_s, job_id, station_id, file_id), job_id, station_id)
        path = "/".join(quote(part, safe="") for part in (*parts, file_id))
        return f"{self.public_url.rstrip('/')}/{path}/{quote(name, safe='')}"

    def read(self, path: str) -> Offer | None:
        """The offer of a request's path, as it came: still quoted. What follows the file's id is the station's
        affair. None for a path that is no offer of ours."""
        parts = path.removeprefix("/").split("/")[:_PARTS]
        if len(parts) < _PARTS:
            return None
        way, expires, code, job_id, station_id, file_id = (unquote(part) for part in parts)
        try:
            expires_s = int(expires, 16)
            expires_at = datetime.fromtimestamp(expires_s, UTC)
        except (ValueError, OverflowError, OSError):
            return None
        ours = self._code(way, expires_s, job_id, station_id, file_id)
        if not hmac.compare_digest(code.encode("utf-8", "replace"), ours.encode()):
            return None
        the_way: Way = "get" if way == "get" else "put"
        return Offer(way=the_way, job_id=job_id, station_id=station_id, file_id=file_id, expires_at=expires_at)

    def _code(self, *parts: str | int) -> str:
        # Each part with its length before it: no two lists of parts are the same text.
        text = "".join(f"{len(str(part))}:{part}" for part in parts).encode("utf-8", "surrogatepass")
        return urlsafe_b64encode(hmac.digest(self.key, text, sha256)).decode()[:CODE_CHARS]
