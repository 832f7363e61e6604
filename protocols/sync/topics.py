"""The MQTT topics of the contract: `ohmstead/v1/{domain}/{edge_id}/…`. A broker account may touch one subtree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from protocols.errors import BadText

ROOT = "ohmstead/v1"

Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""A sequence number or a version on the wire: exact in every JSON reader, and fits every database's integer."""

_DOMAIN = re.compile(r"[0-9a-f]{2}")
_EDGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}")


class Stream(StrEnum):
    """The journal's streams, most important first. Each has its own gap-free sequence."""

    MONEY = "money"
    EVENT = "event"
    TELEMETRY = "telemetry"


@dataclass(frozen=True, slots=True)
class EdgeAddress:
    """Whose subtree: `domain` is one byte (0x00-0x80 the operator's own, 0x81-0xFF third parties)."""

    domain: int
    edge_id: str

    def __post_init__(self) -> None:
        if not 0 <= self.domain <= 0xFF:
            raise BadText(f"domain {self.domain} is not one byte; expected 0 to 255")
        if not _EDGE_ID.fullmatch(self.edge_id):
            raise BadText(
                f"edge_id {self.edge_id!r} does not fit a topic; expected 1 to 48 letters, digits, '-', '_' or '.'"
            )

    @property
    def prefix(self) -> str:
        return f"{ROOT}/{self.domain:02x}/{self.edge_id}"

    @property
    def birth(self) -> str:
        return f"{self.prefix}/birth"

    @property
    def state(self) -> str:
        return f"{self.prefix}/state"

    @property
    def live(self) -> str:
        return f"{self.prefix}/live"

    def up(self, stream: Stream) -> str:
        return f"{self.prefix}/up/{stream}"

    def ack(self, stream: Stream) -> str:
        return f"{self.prefix}/ack/{stream}"

    def desired(self, document: str) -> str:
        return f"{self.prefix}/down/desired/{document}"

    def part(self, document: str) -> str:
        """For lists in parts: beside the documents, so that every broker's rules let an edge hear it."""
        return f"{self.prefix}/down/desired/{document}.part"

    def command(self, command_id: str) -> str:
        return f"{self.prefix}/down/command/{command_id}"

    @property
    def edge_listens(self) -> tuple[str, ...]:
        """What an edge subscribes to, all QoS 1."""
        return (f"{self.prefix}/ack/+", f"{self.prefix}/down/desired/+", f"{self.prefix}/down/command/+")


HUB_LISTENS: tuple[tuple[str, int], ...] = (
    (f"{ROOT}/+/+/birth", 1),
    (f"{ROOT}/+/+/state", 1),
    (f"{ROOT}/+/+/live", 0),
    (f"{ROOT}/+/+/up/+", 1),
)
"""What the hub subscribes to, with the QoS of each."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A topic taken apart: whose it is, which branch (`birth`, `up`, `ack`, `down` …) and what follows it."""

    address: EdgeAddress
    branch: str
    rest: tuple[str, ...]


def parse_topic(topic: str) -> Heard:
    """Take a topic of the contract apart. Raises BadText when it is none."""
    parts = topic.split("/")
    if len(parts) < 5 or f"{parts[0]}/{parts[1]}" != ROOT:
        raise BadText(f"not a topic of {ROOT}: {topic!r}")
    if not _DOMAIN.fullmatch(parts[2]):  # one spelling only: an edge has one subtree
        raise BadText(f"not a domain: {parts[2]!r} in {topic!r}; expected two hex digits in lower case")
    return Heard(EdgeAddress(int(parts[2], 16), parts[3]), parts[4], tuple(parts[5:]))
