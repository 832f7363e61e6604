"""A real MQTT broker as a process of its own on a free loopback port, for the demo and the tests."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

LOWEST_STEADY_PORT = 15_000
START_TIMEOUT_S = 20.0
_POLL_S = 0.02
PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """A loopback TCP port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def steady_port() -> int:
    """A loopback TCP port for a server that comes back on it.

    Below the range from which the machine draws ports for outgoing connections: one of those might otherwise take it
    while the server is down, even one that tries to reach that very server (a TCP self-connect).
    """
    drawn_from = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    highest = drawn_from if drawn_from > LOWEST_STEADY_PORT + 1000 else 65536
    while True:
        port = LOWEST_STEADY_PORT + secrets.randbelow(highest - LOWEST_STEADY_PORT)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def is_listening(port: int) -> bool:
    """Does anything accept connections on this loopback port?"""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def block_until(predicate: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Return as soon as the predicate holds. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {predicate.__qualname__}")
        time.sleep(_POLL_S)


class Broker:
    """A mosquitto with anonymous access on loopback; it keeps its port over restarts."""

    host = "127.0.0.1"

    def __init__(self, port: int, extra_config: str = "", folder: Path | None = None) -> None:
        """`folder` is where it keeps its files; without one, a temporary folder that `close` removes."""
        self.port = port
        self._is_temporary = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix="ohmstead-broker-"))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._config = self._folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        self._config.write_text(
            f"listener {port} {self.host}\nallow_anonymous true\n{user}"
            f"persistence true\npersistence_location {self._folder}/\n{extra_config}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the broker is not running")
        return self._process.pid

    def start(self) -> None:
        """Start with what the last run left behind."""
        with (self._folder / "log").open("ab") as log:
            command = [mosquitto(), "-c", str(self._config)]
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent
            )
        process = self._process
        try:
            block_until(lambda: is_listening(self.port) or process.poll() is not None, START_TIMEOUT_S)
            if process.poll() is not None:
                raise RuntimeError(f"mosquitto ended at once: {(self._folder / 'log').read_text()[-500:]}")
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it politely: it saves retained messages and sessions."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: what was not saved is lost."""
        self._end(signal.SIGKILL)

    def restart(self, *, empty: bool = False) -> None:
        """Stop and start; `empty` forgets retained messages and sessions, as after a kill on a fresh disk."""
        if empty:
            self.kill()
            (self._folder / "mosquitto.db").unlink(missing_ok=True)
        else:
            self.stop()
        self.start()

    def close(self) -> None:
        self.kill()
        if self._is_temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_TIMEOUT_S)
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def mosquitto() -> str:
    """The broker's binary; Debian keeps it in sbin, which is not on everyone's path."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError("mosquitto is not installed; Debian and Ubuntu: apt-get install mosquitto")
    return found


def start_broker(port: int = 0, extra_config: str = "", folder: Path | None = None) -> Broker:
    """A running broker on the port, or on a free one that it keeps over restarts."""
    return Broker(port or steady_port(), extra_config, folder)


def die_with_parent() -> None:
    """In the child, before exec: Linux sends it SIGTERM when the demo dies without having stopped it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
