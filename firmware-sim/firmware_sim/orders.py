"""What takes long and is done beside the model: what it orders, and the events that tell what became of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Fetch a file by HTTP, for `purpose` "firmware" or "publish"; another one for the same purpose replaces it."""

    purpose: str
    url: str
    certificate: str | None = None
    signature: str | None = None
    retries: int = 0
    retry_interval_s: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Send `content` to `url` by HTTP as a file of that name."""

    number: int
    url: str
    filename: str
    content: bytes
    retries: int = 0
    retry_interval_s: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeKey:
    """Make a key and a certificate signing request for it."""

    use: str
    common_name: str
    organization: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """Close the connection as soon as the last answer has left, and come back, with `password` when it is a new one."""

    password: str | None = None


Job = Download | Upload | MakeKey


# --- what became of it ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """A download has ended. `error` "" when the file is here: its version, and what its signature is worth."""

    job: Download
    error: str = ""
    version: str | None = None
    md5: str = ""
    is_signature_valid: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """An upload has ended. `error` is "" or OCPP's status for why it failed."""

    job: Upload
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMade:
    """A new key and the request for its certificate (PEM)."""

    use: str
    key: str
    csr: str
