"""What the staff has stations do, in tests of the decisions, and how stations answer."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from edge.domain.decision import Decision
from protocols.charger.commands import ChargerCommand, Operation
from protocols.charger.events import BootReported, CommandAnswered
from protocols.sync.down import Command, Operate
from protocols.sync.up import CommandFinished
from tests.edge.domain.site_kit import Play

_NUMBERS = count(1)


def order(play: Play, station_id: str, operation: Operation) -> Decision:
    """The staff wants it; `decision.commands` has what the station is asked, unless the site refused."""
    number = next(_NUMBERS)
    body = Operate(station_id=station_id, operation=operation)
    expires_at = play.now + timedelta(minutes=5)
    return play.tell(Command(id=f"c{number}", issued_at=play.now, expires_at=expires_at, body=body))


def reply(
    play: Play,
    asked: ChargerCommand,
    is_accepted: bool = True,
    detail: str = "",
    result: dict[str, Any] | None = None,
) -> Decision:
    """The station answers."""
    return play.tell(
        CommandAnswered(
            station_id=asked.station_id,
            command_id=asked.command_id,
            is_accepted=is_accepted,
            detail=detail,
            result=result,
        )
    )


def done(play: Play, station_id: str, operation: Operation, detail: str = "") -> Operation:
    """The staff wants it and the station takes it; as the station was asked."""
    (asked,) = order(play, station_id, operation).commands
    reply(play, asked, detail=detail)
    assert not isinstance(asked.operation, type(None))
    return asked.operation  # type: ignore[return-value]


def why_not(play: Play, station_id: str, operation: Operation) -> str:
    """The site's own refusal."""
    decision = order(play, station_id, operation)
    assert decision.commands == []
    return play.found(CommandFinished)[-1].detail


def boot(play: Play, station_id: str, firmware: str = "1") -> Decision:
    return play.tell(BootReported(station_id=station_id, vendor="V", model="M", firmware_version=firmware))
