"""Sessions drawn from a seed; what is found is made small and kept as a file that is played in every test run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import orjson
from pydantic import ValidationError

from protocols.errors import BadText
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.schema import known_actions
from protocols.ocpp.version import Version
from tests.edge.domain.site_kit import START
from tests.fuzz.mutations import mutated, mutated_frame
from tests.fuzz.operations import made
from tests.fuzz.payloads import Lore, PayloadMaker, schema_of
from tests.fuzz.session import OPERATION, Asked, Finding, Heard, Session, Step, Waited

SEEDS = Path(__file__).parent / "seeds"
STEPS_AT_MOST = 25
MAX_FRAME_BYTES = 300_000
"""Beyond what is read at all."""
ABOUT_TRANSACTIONS = frozenset({"StartTransaction", "StopTransaction", "TransactionEvent", "MeterValues", "Authorize"})
LONG_SESSION = 2_000
"""Once in a hundred: what grows with every message shows."""


@dataclass
class Drawn:
    """Draws steps, each with what was answered before in mind."""

    random: Random
    version: Version
    lore: Lore = field(default_factory=lambda: Lore(now=START))
    numbers: int = 0

    def step(self) -> Step:
        chance = self.random.random()
        if chance < 0.1:
            return self._waited()
        if chance < 0.25:
            asked = self._asked()
            if asked is not None:
                return asked
        return Heard(self._frame())

    def _waited(self) -> Waited:
        return Waited(self.random.choice((1, 10, 60, 600, 3600, 86_400)))

    def _frame(self) -> bytes:
        return self._whole_frame()[:MAX_FRAME_BYTES]

    def _whole_frame(self) -> bytes:
        random, dialect = self.random, DIALECTS[self.version]
        action = random.choice(sorted(dialect.requests if random.random() < 0.97 else known_actions(self.version)))
        if random.random() < 0.3:
            action = random.choice([each for each in sorted(dialect.requests) if each in ABOUT_TRANSACTIONS])
        payload = PayloadMaker(random, self.lore, schema_of(self.version, action)).payload()
        self.numbers += 1
        message_id = f"m{self.numbers if random.random() < 0.95 else random.randint(0, self.numbers)}"
        if random.random() < 0.4:
            payload = mutated(random, payload)
        frame = [2, message_id, action, payload]
        if random.random() < 0.02:
            frame = random.choice(([3, message_id, payload], [4, message_id, "GenericError", "", {}], [6, *frame[1:]]))
        try:
            return mutated_frame(random, frame) if random.random() < 0.15 else orjson.dumps(frame)
        except TypeError:  # a number that is too large for orjson
            return json.dumps(frame).encode()

    def _asked(self) -> Asked | None:
        random, dialect = self.random, DIALECTS[self.version]
        kind = random.choice(sorted(dialect.operations, key=lambda each: each.__name__))
        operated = dialect.operations[kind]
        try:
            operation = OPERATION.validate_json(OPERATION.dump_json(made(random, self.lore, kind)))
        except (ValidationError, ValueError, BadText):  # what no one who asks may ask
            return None
        answers = [self._answer(action) for action in operated.actions for _ in range(random.randint(0, 2))]
        return Asked(operation, tuple(answers))

    def _answer(self, action: str) -> Any:
        schema = schema_of(self.version, action, is_response=True)
        payload = PayloadMaker(self.random, self.lore, schema).payload()
        changed = mutated(self.random, payload) if self.random.random() < 0.4 else payload
        return changed if isinstance(changed, dict) else payload


def hunt(random: Random, steps_at_most: int = STEPS_AT_MOST, version: Version | None = None) -> int:
    """One session; returns how many steps it took. Raises Found."""
    version = version or random.choice(list(DIALECTS))
    drawn = Drawn(random, version)
    session = Session(version, told=drawn.lore.learn)
    steps: list[Step] = []
    try:
        for _ in range(random.randint(1, steps_at_most)):
            drawn.lore.now = session.now
            steps.append(drawn.step())
            session.step(steps[-1])
        session.close()
    except Finding as finding:
        raise Found(version, steps, finding) from finding
    return len(steps)


class Found(Exception):
    """A finding, with the steps that lead to it."""

    def __init__(self, version: Version, steps: list[Step], finding: Finding) -> None:
        super().__init__(str(finding))
        self.version = version
        self.steps = steps
        self.finding = finding

    def made_small(self) -> Found:
        """Without the steps that it does not need."""
        steps, finding = list(self.steps), self.finding
        size = max(1, len(steps) // 2)
        while True:
            place = 0
            while place < len(steps):
                fewer = steps[:place] + steps[place + size :]
                again = outcome(self.version, fewer)
                if again is not None and again.where == finding.where:
                    steps, finding = fewer, again
                else:
                    place += size
            if size == 1:
                return Found(self.version, steps, finding)
            size //= 2

    def keep(self, folder: Path = SEEDS) -> Path:
        """Write it down; tests/fuzz/test_fuzz.py plays it from now on."""
        number = len(list(folder.glob("*.json"))) + 1
        path = folder / f"{number:04d}.json"
        document = {"version": self.version.value, "found": str(self.finding)[:3000].splitlines()}
        steps = [as_json(step) for step in self.steps]
        path.write_text(json.dumps({**document, "steps": steps}, indent=1, ensure_ascii=True) + "\n")
        return path


def outcome(version: Version, steps: list[Step]) -> Finding | None:
    """What comes of the steps."""
    try:
        Session(version).play(steps)
    except Finding as finding:
        return finding
    return None


def as_json(step: Step) -> dict[str, Any]:
    match step:
        case Heard(raw=raw):
            return {"heard": raw.decode()} if raw.isascii() else {"heard_hex": raw.hex()}
        case Waited(seconds=seconds):
            return {"waited_s": seconds}
        case Asked(operation=operation, answers=answers):
            return {"asked": json.loads(OPERATION.dump_json(operation)), "answers": list(answers)}


def from_json(step: dict[str, Any]) -> Step:
    if "heard" in step:
        return Heard(step["heard"].encode())
    if "heard_hex" in step:
        return Heard(bytes.fromhex(step["heard_hex"]))
    if "waited_s" in step:
        return Waited(step["waited_s"])
    return Asked(OPERATION.validate_python(step["asked"]), tuple(step["answers"]))


def read_seed(path: Path) -> tuple[Version, list[Step]]:
    document = json.loads(path.read_text())
    return Version(document["version"]), [from_json(step) for step in document["steps"]]
