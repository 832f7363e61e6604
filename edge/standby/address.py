"""The site's address: who has it, and how this box takes it, says so and lets go of it again, also when it is killed.

With an interface the address is a second one there (`ip address`), and looked for and announced by ARP (RFC 5227).
Otherwise two commands of the operator's do it. A child (guard.py) waits for the end of the agent, however that comes,
and lets go of the address then.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import ipaddress
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from protocols.errors import OhmsteadError

log = structlog.get_logger("standby")

COMMAND_S: Final = 10.0
PROBE_S: Final = 0.4
ANNOUNCED: Final = 3
_ARP: Final = 0x0806
_BROADCAST: Final = b"\xff" * 6
_SIOCGIFHWADDR: Final = 0x8927


class AddressError(OhmsteadError):
    """The address could not be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where chargers find the site. `interface` and the commands are alternatives; with neither it stays as it is."""

    host: str
    prefix_length: int
    port: int
    interface: str | None = None
    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()

    def commands(self) -> tuple[Sequence[str], Sequence[str]]:
        if self.interface is None:
            return self.up, self.down
        act = ("ip", "address", "{}", f"{self.host}/{self.prefix_length}", "dev", self.interface)
        return tuple(a.format("replace") for a in act), tuple(a.format("delete") for a in act)


class Holder:
    """This box, and whether it has the address."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._guard: subprocess.Popen[bytes] | None = None

    async def is_held(self) -> bool:
        """Whether somebody else has it: who answers on the chargers' port, or, with an interface, at all."""
        address = self._address
        try:
            async with asyncio.timeout(PROBE_S):
                _, writer = await asyncio.open_connection(address.host, address.port)
            writer.close()
            return True
        except ConnectionRefusedError:
            pass
        except (OSError, TimeoutError):
            pass
        if address.interface is None:
            return False
        try:
            return await asyncio.to_thread(is_answered, address.interface, address.host)
        except OSError as error:
            log.warning("address_not_looked_for", reason=str(error))
            return True

    async def take(self) -> None:
        """Have the address here. Raises AddressError, OSError."""
        up, down = self._address.commands()
        if not up:
            return
        self._guard = await asyncio.to_thread(_start_guard, down)
        await _run(up)
        if self._address.interface is not None:
            await asyncio.to_thread(announce, self._address.interface, self._address.host)
        log.info("address_taken", address=self._address.host)

    async def let_go(self) -> None:
        if self._guard is not None:
            guard, self._guard = self._guard, None
            await asyncio.to_thread(guard.communicate)
            log.info("address_let_go", address=self._address.host)


def is_answered(interface: str, host: str) -> bool:
    """Whether anybody says that it has the address. Raises OSError without the right to ask (CAP_NET_RAW)."""
    mine, wanted = _hardware_address(interface), ipaddress.IPv4Address(host).packed
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ARP)) as raw:
        raw.bind((interface, _ARP))
        ends_s = time.monotonic() + PROBE_S
        for _ in range(2):
            raw.send(_frame(mine, 1, bytes(4), wanted))
            half_s = min(ends_s, time.monotonic() + PROBE_S / 2)
            while (left_s := half_s - time.monotonic()) > 0:
                raw.settimeout(left_s)
                with contextlib.suppress(TimeoutError):
                    frame = raw.recv(64)
                    if frame[14:22] == _HEAD + b"\0\2" and frame[28:32] == wanted and frame[22:28] != mine:
                        return True
    return False


def announce(interface: str, host: str) -> None:
    """Tell all on the wire where the address is now, by request and by answer: some hear only one of them."""
    mine, ours = _hardware_address(interface), ipaddress.IPv4Address(host).packed
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ARP)) as raw:
        raw.bind((interface, _ARP))
        for number in range(ANNOUNCED):
            if number:
                time.sleep(0.1)
            for operation in (1, 2):
                raw.send(_frame(mine, operation, ours, ours))


_HEAD: Final = b"\0\1\x08\0\6\4"
"""Ethernet, IPv4, and how long their addresses are."""


def _frame(mine: bytes, operation: int, sender: bytes, wanted: bytes) -> bytes:
    ethernet = _BROADCAST + mine + struct.pack(">H", _ARP)
    return ethernet + _HEAD + struct.pack(">H", operation) + mine + sender + bytes(6) + wanted


def _hardware_address(interface: str) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFHWADDR, struct.pack("256s", interface.encode()[:15]))
    return answer[18:24]


async def _run(command: Sequence[str]) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(COMMAND_S):
            _, problem = await process.communicate()
    except (OSError, TimeoutError) as error:
        raise AddressError(f"`{' '.join(command)}` cannot be run: {error}") from error
    if process.returncode:
        text = problem.decode(errors="replace").strip()
        raise AddressError(f"`{' '.join(command)}` failed: {text or process.returncode}")


def _start_guard(down: Sequence[str]) -> subprocess.Popen[bytes]:
    """Its standard input ends with this process."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")), json.dumps(down)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
