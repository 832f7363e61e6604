"""Brings a file of firmware into the catalogue: copied, its checksum made, its signature verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from edge.files.signatures import read_roots, verify
from edge.files.store import CHUNK_BYTES, FileStore, safe_name
from protocols.charger.jobs import FirmwareFile
from protocols.errors import BadText

ID_CHARS: Final = 16
MAX_FIRMWARE_BYTES: Final = 4 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFirmware:
    """What the staff says of a file; with a signature there is a certificate."""

    path: Path
    vendor: str
    model: str
    version: str
    signature: Path | None = None
    certificate: Path | None = None


def bring_in(store: FileStore, new: NewFirmware, roots: tuple[Path, ...], now: datetime) -> FirmwareFile:
    """The file as it lies in the store now. Raises BadText, with the reason, and leaves nothing behind."""
    if (new.signature is None) != (new.certificate is None):
        raise BadText("a signature and its certificate come together")
    if not new.version.strip():
        raise BadText("the version must be what stations call it when they boot")
    try:
        with new.path.open("rb") as source, store.incoming() as part:
            while chunk := source.read(CHUNK_BYTES):
                part.write(chunk)
                if part.size_bytes > MAX_FIRMWARE_BYTES:
                    raise BadText(f"{new.path} is larger than {MAX_FIRMWARE_BYTES} bytes")
            if part.size_bytes == 0:
                raise BadText(f"{new.path} is empty")
            signature = certificate = None
            if new.signature is not None and new.certificate is not None:
                trusted = read_roots(roots)
                signature, certificate = verify(part.digest, new.signature, new.certificate, trusted, now)
            file = FirmwareFile(
                file_id=part.sha256[:ID_CHARS],
                name=safe_name(new.path.name, "firmware"),
                vendor=new.vendor,
                model=new.model,
                version=new.version.strip(),
                size_bytes=part.size_bytes,
                sha256=part.sha256,
                signature=signature,
                certificate=certificate,
            )
            store.keep_firmware(part, file.file_id)
            return file
    except OSError as error:
        raise BadText(f"{error.filename or new.path}: {error.strerror}") from error
