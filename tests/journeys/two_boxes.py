"""Two boxes, each in a network namespace of its own, on one bridge with the chargers; needs root and ip(8).

The bridge is in a namespace that the test itself enters, so nothing of the machine's own network is touched; its
address is the witness. A box is cut off by its port at the bridge. One that loses its power is killed and cut off at
once; one whose agent is killed still has its network.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from deploy.demo.processes import Child, program, spawn
from edge.ledger.reader import LedgerReader
from protocols.ocpi.cdr import Cdr
from tests.kit import wait_until

ADDRESS, WITNESS = "10.99.0.10", "10.99.0.1"
PORT: Final = 9000
DEAD_AFTER_S: Final = 4.0
_NEW_NETWORK: Final = 0x40000000
_EVER: Final = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_SETTINGS: Final = """
edge_id = "pair"
data_dir = "data"
currency = "EUR"
default_tariff = "ac"
location = {{ id = "L", name = "Two boxes", time_zone = "Europe/Berlin" }}
ocpp = {{ port = {port}, allow_unknown = true }}
local = {{ port = 0 }}
frame_log = {{ enabled = false }}

[standby]
is_first = {is_first}
peer = "{peer}:9003"
certificate_file = "standby.pem"
key_file = "standby.key"
peer_certificate_file = "other.pem"
address = "{address}/24"
interface = "eth0"
witness = "{witness}"
wait_ms = {wait_ms}
dead_after_s = {dead_after_s}

[[tariffs]]
id = "ac"
last_updated = 2026-01-01T00:00:00Z
elements = [{{ price_components = [{{ type = "ENERGY", price = 0.49, vat = 19, step_size = 1 }}] }}]
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass(slots=True, kw_only=True)
class Box:
    """A box: its namespace, its files, and its agent, which `supervise` starts again as systemd would."""

    name: str
    host: str
    folder: Path
    child: Child | None = None
    starts: int = 0
    is_off: bool = False
    supervising: asyncio.Task[None] | None = None

    @property
    def port(self) -> str:
        return f"port-{self.name}"

    @property
    def space(self) -> str:
        return f"ohm-{self.name}-{os.getpid()}"

    @property
    def ledger(self) -> Path:
        return self.folder / "data" / "ledger.sqlite"

    async def supervise(self) -> None:
        while True:
            if not self.is_off:
                self.starts += 1
                command = (program("ohmstead-edge"), "run", "--config", str(self.folder / "edge.toml"))
                self.child = await spawn(
                    self.name, "ip", "netns", "exec", self.space, *command, log=self.folder / "agent.log"
                )
                await self.child.process.wait()
            await asyncio.sleep(0.3)

    async def kill(self) -> None:
        assert self.child is not None
        await self.child.kill()

    def stop(self) -> None:
        """The agent stands still, and its kernel does not."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.child is not None
        self.child.process.send_signal(number)

    async def lose_power(self) -> None:
        self.is_off = True
        self.cut_off()
        await self.kill()
        ip("netns", "exec", self.space, "ip", "address", "flush", "dev", "eth0", "scope", "global")
        ip("netns", "exec", self.space, "ip", "address", "add", f"{self.host}/24", "dev", "eth0")

    def cut_off(self) -> None:
        ip("link", "set", self.port, "down")

    def join(self) -> None:
        ip("link", "set", self.port, "up")

    def power_up(self) -> None:
        self.is_off = False
        self.join()

    @property
    def status(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads((self.folder / "data" / "standby.json").read_text())
            return found
        return {"role": "none", "in_step": False}

    def serves(self) -> bool:
        return self.status["role"] == "serving" and self.has_address()

    def has_address(self) -> bool:
        shown = subprocess.run(
            ["ip", "netns", "exec", self.space, "ip", "-o", "-4", "address"], check=True, capture_output=True
        )
        return f" {ADDRESS}/".encode() in shown.stdout

    def cdrs(self) -> list[Cdr]:
        return list(LedgerReader(self.ledger).cdrs(*_EVER))

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [
                "ip",
                "netns",
                "exec",
                self.space,
                program("ohmstead-edge"),
                *words,
                "--config",
                str(self.folder / "edge.toml"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    @property
    def log(self) -> str:
        path = self.folder / "agent.log"
        return path.read_text(errors="replace") if path.exists() else ""


@dataclass(slots=True, kw_only=True)
class Driver:
    """One charger of OCPP 1.6 where somebody starts and stops all the time. What it is not answered it says again."""

    name: str
    rng: random.Random
    meter_wh: int = 0
    answered: list[tuple[str, int, int]] = field(default_factory=list)
    """Transactions whose stop was acknowledged: station and registers in Wh."""
    link: ClientConnection | None = None
    number: int = 0
    is_ending: bool = False

    async def run(self) -> None:
        while not self.is_ending:
            begun = await self.say(
                "StartTransaction",
                {"connectorId": 1, "idTag": f"TAG-{self.name}", "meterStart": self.meter_wh, "timestamp": _now()},
            )
            assert begun["idTagInfo"]["status"] == "Accepted", begun
            await asyncio.sleep(self.rng.uniform(0.02, 0.2))
            from_wh = self.meter_wh
            self.meter_wh += self.rng.randrange(1, 30)
            stop = {"transactionId": begun["transactionId"], "meterStop": self.meter_wh, "timestamp": _now()}
            await self.say("StopTransaction", stop)
            self.answered.append((self.name, from_wh, self.meter_wh))
            await asyncio.sleep(self.rng.uniform(0.02, 0.2))

    async def say(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Until it is answered, over as many connections as that takes."""
        while True:
            try:
                async with asyncio.timeout(3):
                    return await self._call(action, payload)
            except (OSError, TimeoutError, WebSocketException):
                if self.link is not None:
                    link, self.link = self.link, None
                    link.transport.abort()
                await asyncio.sleep(0.2)

    async def _call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if self.link is None:
            self.link = await connect(
                f"ws://{ADDRESS}:{PORT}/{self.name}", subprotocols=["ocpp1.6"], ping_interval=None, open_timeout=2
            )
            await self._ask("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
            status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
            await self._ask("StatusNotification", status)
        return await self._ask(action, payload)

    async def _ask(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        assert self.link is not None
        self.number += 1
        await self.link.send(json.dumps([2, str(self.number), action, payload]))
        while True:
            kind, number, *rest = json.loads(await self.link.recv())
            if kind == 3 and number == str(self.number):
                answer: dict[str, Any] = rest[0]
                return answer
            if kind == 2:
                await self.link.send(json.dumps([4, number, "NotSupported", "", {}]))
            elif kind == 4:
                raise OSError(f"{action} was refused: {rest}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")  # noqa: TID251


@dataclass(slots=True, kw_only=True)
class Pair:
    """The two boxes and what charges there."""

    a: Box
    b: Box
    drivers: list[Driver]
    tasks: asyncio.TaskGroup
    driving: list[asyncio.Task[None]] = field(default_factory=list)
    both: list[str] = field(default_factory=list)
    """Moments at which two boxes had the address: never."""

    async def in_step(self, box: Box, other: Box) -> None:
        await wait_until(lambda: box.serves() and box.status.get("in_step") and other.status.get("in_step"), 30)

    def drive(self) -> None:
        self.driving = [self.tasks.create_task(driver.run()) for driver in self.drivers]

    def acknowledged(self) -> int:
        return sum(len(driver.answered) for driver in self.drivers)

    async def goes_on(self, more: int = 20, timeout_s: float = 30) -> None:
        """Whoever charges does so, whatever has happened."""
        before = self.acknowledged()
        await wait_until(lambda: self.acknowledged() >= before + more, timeout_s)

    async def go_home(self) -> None:
        for driver in self.drivers:
            driver.is_ending = True
        await asyncio.wait(self.driving, timeout=20)

    def judge(self, box: Box) -> None:
        """Each transaction whose stop was acknowledged has one bill there, of the registers that the charger told, no
        other has one, and none waits for a person."""
        cdrs = box.cdrs()
        assert len(cdrs) == len({cdr.session_id for cdr in cdrs})
        billed = sorted((cdr.station_id, cdr.meter_start_wh, cdr.meter_stop_wh) for cdr in cdrs)
        assert billed == sorted(each for driver in self.drivers for each in driver.answered)
        assert not [cdr for cdr in cdrs if cdr.quarantine]
        assert self.both == [], "two boxes had the address"

    async def _watch(self) -> None:
        while True:
            if not self.a.is_off and not self.b.is_off and self.a.has_address() and self.b.has_address():
                self.both.append(f"{self.a.status} {self.b.status}")
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def a_pair(
    folder: Path, *, drivers: int = 8, wait_ms: int = 1000, dead_after_s: float = DEAD_AFTER_S
) -> AsyncIterator[Pair]:
    """Both boxes running, the first one serving; the ends of their logs are printed when a journey fails.

    `wait_ms` is long, for these boxes share their processors with many others."""
    a, b = Box(name="a", host="10.99.0.2", folder=folder / "a"), Box(name="b", host="10.99.0.3", folder=folder / "b")
    _write_settings(a, b, wait_ms, dead_after_s)
    with _network((a, b)):
        try:
            async with asyncio.TaskGroup() as tasks:
                for box in (a, b):
                    box.supervising = tasks.create_task(box.supervise())
                made = [Driver(name=f"CP{n:02}", rng=random.Random(n)) for n in range(drivers)]
                pair = Pair(a=a, b=b, drivers=made, tasks=tasks)
                await pair.in_step(a, b)
                watching = tasks.create_task(pair._watch())
                yield pair
                for task in (*pair.driving, watching, a.supervising, b.supervising):
                    if task is not None:
                        task.cancel()
        except BaseException:
            for box in (a, b):
                print(f"--- box {box.name}: {box.status}\n" + "\n".join(box.log.splitlines()[-40:]))
            raise
        finally:
            for box in (a, b):
                if box.child is not None:
                    await box.child.kill()


def _write_settings(a: Box, b: Box, wait_ms: int, dead_after_s: float) -> None:
    for box in (a, b):
        box.folder.mkdir(parents=True)
        subprocess.run([program("ohmstead-edge"), "standby", "certificate", box.folder], check=True)
    for box, other in ((a, b), (b, a)):
        shutil.copy(other.folder / "standby.pem", box.folder / "other.pem")
        text = _SETTINGS.format(
            is_first="true" if box is a else "false",
            peer=other.host,
            address=ADDRESS,
            witness=WITNESS,
            port=PORT,
            wait_ms=wait_ms,
            dead_after_s=dead_after_s,
        )
        (box.folder / "edge.toml").write_text(text)
    tokens = "uid,contract_id\n" + "".join(f"TAG-CP{n:02},C{n}\n" for n in range(30))
    (a.folder / "tokens.csv").write_text(tokens)
    subprocess.run(
        [program("ohmstead-edge"), "tokens", "import", a.folder / "tokens.csv", "--config", a.folder / "edge.toml"],
        check=True,
    )


@contextlib.contextmanager
def _network(boxes: tuple[Box, ...]) -> Iterator[None]:
    """A bridge in a namespace that this thread enters, and a port of it in each box's."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as outside:
        if libc.unshare(_NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "unshare")
        made = []
        try:
            ip("link", "set", "lo", "up")
            ip("link", "add", "bridge0", "type", "bridge")
            ip("address", "add", f"{WITNESS}/24", "dev", "bridge0")
            ip("link", "set", "bridge0", "up")
            for box in boxes:
                ip("netns", "add", box.space)
                made.append(box)
                ip("link", "add", box.port, "type", "veth", "peer", "name", "eth0", "netns", box.space)
                ip("link", "set", box.port, "master", "bridge0")
                ip("link", "set", box.port, "up")
                for words in (
                    ("link", "set", "lo", "up"),
                    ("link", "set", "eth0", "up"),
                    ("address", "add", f"{box.host}/24", "dev", "eth0"),
                ):
                    ip("netns", "exec", box.space, "ip", *words)
            yield
        finally:
            for box in made:
                ip("netns", "delete", box.space)
            if libc.setns(outside.fileno(), _NEW_NETWORK):
                raise OSError(ctypes.get_errno(), "setns")
