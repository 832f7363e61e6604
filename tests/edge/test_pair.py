"""Two agents of one pair on loopback: who serves, who follows, who takes over, and what becomes of the one before.

tests/journeys/test_two_boxes.py has networks that are cut, and chargers; this needs no rights.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.ledger.reader import LedgerReader
from tests.edge.command_line import EDGE, called
from tests.edge.test_config import GOOD
from tests.kit import block_until, free_port, is_listening

PATIENCE_S = 60


class Box:
    def __init__(self, folder: Path, other: Path, ports: tuple[int, int], chargers: int, *, is_first: bool) -> None:
        self.folder = folder
        self.config = folder / "edge.toml"
        self.process: subprocess.Popen[bytes] | None = None
        here = folder / "here"
        self.config.write_text(
            GOOD
            + f"""
[ocpp]
host = "127.0.0.1"
port = {chargers}
[local]
port = 0
[standby]
is_first = {str(is_first).lower()}
host = "127.0.0.1"
port = {ports[0]}
peer = "127.0.0.1:{ports[1]}"
certificate_file = "standby.pem"
key_file = "standby.key"
peer_certificate_file = "{other}/standby.pem"
address = "127.0.0.1/8"
address_up = ["touch", "{here}"]
address_down = ["rm", "-f", "{here}"]
witness = "127.0.0.1:{free_port()}"
wait_ms = 2000
dead_after_s = 4
"""
        )

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([EDGE, "run", "-c", str(self.config)], stdout=log, stderr=log)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)

    @property
    def status(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / "data" / "standby.json").read_text())
        except (OSError, ValueError):
            return {"role": "none", "in_step": False}
        return found

    @property
    def has_address(self) -> bool:
        return (self.folder / "here").exists()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@contextmanager
def two_boxes(folder: Path) -> Iterator[tuple[Box, Box, int]]:
    places, ports, chargers = (folder / "a", folder / "b"), (free_port(), free_port()), free_port()
    for place in places:
        place.mkdir()
        called("standby", "certificate", str(place))
    a = Box(places[0], places[1], ports, chargers, is_first=True)
    b = Box(places[1], places[0], ports[::-1], chargers, is_first=False)
    try:
        yield a, b, chargers
    except BaseException:
        print(a.log, b.log, sep="\n--- b\n")
        raise
    finally:
        a.kill()
        b.kill()


def in_step(serving: Box, following: Box) -> bool:
    return bool(
        serving.status["role"] == "serving"
        and following.status["role"] == "following"
        and serving.status.get("in_step")
        and following.status.get("in_step")
    )


def test_the_one_that_is_killed_is_taken_over_from_and_follows_when_it_is_back(tmp_path: Path) -> None:
    with two_boxes(tmp_path) as (a, b, chargers):
        tokens = tmp_path / "tokens.csv"
        tokens.write_text("uid,contract_id\nA,C\nB,C\n")
        assert "2 tokens imported" in called("tokens", "import", str(tokens), "-c", str(a.config)).stdout
        b.start()
        a.start()
        block_until(lambda: in_step(a, b), PATIENCE_S)
        assert a.has_address
        assert not b.has_address
        refused = called("tokens", "import", str(tokens), "-c", str(b.config))
        assert "where the agent serves" in refused.stderr
        a.kill()
        block_until(lambda: not a.has_address, PATIENCE_S)
        block_until(lambda: b.status["role"] == "serving" and b.has_address and is_listening(chargers), PATIENCE_S)
        assert len(LedgerReader(b.folder / "data" / "ledger.sqlite").tokens()) == 2
        a.start()
        block_until(lambda: in_step(b, a), PATIENCE_S)
        assert not a.has_address
        assert list((a.folder / "data").glob("ledger.sqlite.deposed-*"))
        shown = json.loads(called("status", "-c", str(b.config)).stdout)
        assert shown["standby"]["in_step"] is True
        assert a.stop() == 0
        assert b.stop() == 0
        assert not b.has_address


def test_one_that_was_not_alone_waits_for_the_other_and_is_made_to_serve(tmp_path: Path) -> None:
    """The other may have taken over."""
    with two_boxes(tmp_path) as (a, b, chargers):
        b.start()
        a.start()
        block_until(lambda: in_step(a, b), PATIENCE_S)
        b.kill()
        a.kill()
        a.start()
        block_until(lambda: "cannot be asked" in str(a.status.get("why_not")), PATIENCE_S)
        assert not a.has_address
        assert "neither serves nor follows" in called("standby", "status", "-c", str(a.config)).stdout
        called("standby", "take-over", "--force", "-c", str(a.config))
        block_until(lambda: a.status["role"] == "serving" and is_listening(chargers), PATIENCE_S)
        assert a.status["term"] == 1
