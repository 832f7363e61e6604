"""The site CA, as the settings name it or as it lies in the data folder."""

from __future__ import annotations

from pathlib import Path

from edge.certificate_config import CertificateSettings
from edge.certificates import authority, authority_files


def authority_of(chosen: CertificateSettings, data_dir: Path) -> authority.Authority | None:
    """The site CA, None where there is none. Raises BadText for one that cannot be used."""
    if chosen.ca_file is not None and chosen.ca_key_file is not None:
        return authority.load(chosen.ca_file, chosen.ca_key_file)
    folder = authority_files.folder_of(data_dir)
    if not (folder / authority_files.ISSUER).exists():
        return None
    return authority.load(folder / authority_files.ISSUER, folder / authority_files.ISSUER_KEY)
