"""The two long jobs of a station, firmware and logs: how far they are. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareJob:
    """An update that was asked for. `certificate` and `signature` (base64) only where the firmware is signed."""

    request_id: int | None
    url: str
    retrieve_at: datetime
    install_at: datetime | None = None
    certificate: str | None = None
    signature: str | None = None
    retries: int = 0
    retry_interval_s: int = 10

    @property
    def is_signed(self) -> bool:
        """Whether a signature came with it, as OCPP's SignedUpdateFirmware and 2.0.1 L01 have it."""
        return self.signature is not None


@dataclass(slots=True, kw_only=True)
class FirmwareState:
    """`status` is what a trigger tells; a job that waits has `starts_at`, one that was downloaded `ready_version`."""

    version: str
    status: str = "Idle"
    job: FirmwareJob | None = None
    starts_at: datetime | None = None
    ready_version: str | None = None
    install_at: datetime | None = None
    is_installing: bool = False


@dataclass(slots=True, kw_only=True)
class LogState:
    """`request_id` None and running: an OCPP 1.6 GetDiagnostics. `number` tells one upload from the next."""

    status: str = "Idle"
    request_id: int | None = None
    is_running: bool = False
    number: int = 0


@dataclass(slots=True, kw_only=True)
class PublishState:
    """Firmware that this station offers to others as a local controller (OCPP 2.0.1 L03). MD5 checksum to URL."""

    status: str = "Idle"
    request_id: int | None = None
    checksum: str | None = None
    url: str = ""
    published: dict[str, str]
