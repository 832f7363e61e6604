"""What is done at many stations one after the other: jobs, the firmware they bring, and how far each station is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Discriminator, Field

from protocols.charger.operations.fields import Number
from protocols.charger.operations.variables import VariableSetting

MAX_STATIONS: Final = 2_000
"""Of one job: its list is one journal entry."""

StationName = Annotated[str, Field(min_length=1, max_length=48)]
Pattern = Annotated[str, Field(min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareFile:
    """A file of the catalogue. `file_id` is the beginning of its `sha256`; `version` as stations of this firmware call
    it when they boot. `signature` in base64 and its `certificate` (PEM) were verified when it was added."""

    file_id: str
    name: str
    vendor: str
    model: str
    version: str
    size_bytes: int
    sha256: str
    signature: str | None = None
    certificate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationPattern:
    """Stations by what they called themselves when they booted: patterns with * and ?, in any case of letters."""

    vendor: Pattern = "*"
    model: Pattern = "*"
    firmware: Pattern = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFirmwareJob:
    """Have stations fetch a file of the catalogue and install it. Done when a station has booted with its version, or
    says that it is installed and tells no other."""

    file_id: Annotated[str, Field(min_length=8, max_length=64)]
    install_at: AwareDatetime | None = None
    retries: Number | None = None
    retry_interval_s: Number | None = None
    job: Literal["update_firmware"] = "update_firmware"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLogJob:
    """Have stations bring their log. Done when the file is here."""

    log_type: Literal["DiagnosticsLog", "SecurityLog"] = "DiagnosticsLog"
    oldest: AwareDatetime | None = None
    latest: AwareDatetime | None = None
    job: Literal["get_log"] = "get_log"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyTemplateJob:
    """Set variables, read them back and compare. Only stations that `match` are asked."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    settings: Annotated[tuple[VariableSetting, ...], Field(min_length=1, max_length=100)]
    match: StationPattern = StationPattern()
    job: Literal["apply_template"] = "apply_template"


Job = UpdateFirmwareJob | GetLogJob | ApplyTemplateJob
AnyJob = Annotated[Job, Discriminator("job")]
"""A job on a wire: told by its name."""


class StepStatus(StrEnum):
    """How far a station is with a job."""

    WAITING = "waiting"
    """For its turn, or for the station to be connected."""
    ASKED = "asked"
    ACCEPTED = "accepted"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    INSTALLING = "installing"
    INSTALLED = "installed"
    """It says so; it has not booted with the new version yet."""
    UPLOADING = "uploading"
    READING_BACK = "reading_back"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_ended(self) -> bool:
        return self in (StepStatus.DONE, StepStatus.FAILED, StepStatus.CANCELLED)
