"""Real servers for tests, each a process of its own on a free loopback port: the MQTT broker and PostgreSQL.

Everything that starts here is stopped by the caller; `with` does it too.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.demo.servers import Broker, block_until, free_port, is_listening, mosquitto, start_broker

__all__ = [
    "Broker",
    "Postgres",
    "block_until",
    "free_port",
    "is_listening",
    "mosquitto",
    "postgres_binaries",
    "start_broker",
    "start_postgres",
    "wait_until",
]

_POLL_S = 0.02


async def wait_until(predicate: Callable[[], object | Awaitable[object]], timeout_s: float = 10.0) -> None:
    """Return as soon as the predicate (plain or async) holds. Raises TimeoutError with its name."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = predicate()
        if inspect.isawaitable(result):
            result = await result
        if result:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {_name_of(predicate)}")
        await asyncio.sleep(_POLL_S)


def _name_of(predicate: Callable[[], object]) -> str:
    try:
        return inspect.getsource(predicate).strip()
    except (OSError, TypeError):
        return repr(predicate)


class Postgres:
    """A PostgreSQL server of its own in a temporary folder, listening on loopback with trust."""

    def __init__(self, port: int, binaries: Path, *, waits_for_disk: bool = False) -> None:
        self.port = port
        self._fsync = "on" if waits_for_disk else "off"
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="ohmstead-postgres-"))
        self.data = self._folder / "data"
        self._owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self._owner is not None:
            os.chown(self._folder, self._owner.pw_uid, self._owner.pw_gid)
        self._names = 0
        try:
            self._run("initdb", "-D", str(self.data), "-U", "ohmstead", "-A", "trust", "-E", "UTF8", "--no-sync")
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        places = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        options = f"-p {self.port} {places} -c fsync={self._fsync}"
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is a crash."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def new_database(self, like_url: str | None = None) -> str:
        """The URL of a fresh database: empty, or a copy of another one, to which nobody may be connected."""
        self._names += 1
        name = f"test_{self._names}"
        template = ["-T", like_url.rpartition("/")[2]] if like_url else []
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "ohmstead", *template, name)
        return f"postgresql+asyncpg://ohmstead@127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs; it refuses to run as root, so root becomes its owner."""
        owner = self._owner
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode(errors='replace')[-500:]}")


def postgres_binaries() -> Path | None:
    """The folder with initdb and pg_ctl of the newest PostgreSQL, None where there is none."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    return max(folders, key=lambda folder: int(folder.parent.name) if folder.parent.name.isdigit() else 0, default=None)


@contextmanager
def start_postgres(*, waits_for_disk: bool = False) -> Iterator[Postgres]:
    """A running server; one that waits for its disk is as slow as in earnest.

    Raises RuntimeError where there are no binaries; ask `postgres_binaries()` first.
    """
    binaries = postgres_binaries()
    if binaries is None:
        raise RuntimeError("no PostgreSQL binaries; Debian and Ubuntu: apt-get install postgresql")
    server = Postgres(free_port(), binaries, waits_for_disk=waits_for_disk)
    try:
        yield server
    finally:
        server.close()


def has_serial_lines() -> bool:
    """Whether this machine gives out pseudo-terminals; a bare chroot does not."""
    try:
        ends = os.openpty()
    except OSError:
        return False
    for end in ends:
        os.close(end)
    return True


def has_namespaces() -> bool:
    """Whether this machine gives out networks of their own, with mounts of their own as ip(8) wants them."""
    if os.geteuid() or shutil.which("ip") is None:
        return False
    tried = subprocess.run(["unshare", "--net", "--mount", "true"], check=False, capture_output=True)
    return tried.returncode == 0
