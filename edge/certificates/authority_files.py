"""Where an agent keeps a CA of its own, and in which files."""

from __future__ import annotations

from pathlib import Path

ROOT, ROOT_KEY = "root.pem", "root.key"
ISSUER, ISSUER_KEY = "issuing.pem", "issuing.key"


def folder_of(data_dir: Path) -> Path:
    return data_dir / "ca"
