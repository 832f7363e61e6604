"""A start by the code of a connector: read and checked before anything is asked of a station."""

from __future__ import annotations

from dataclasses import dataclass

from edge.local.permits import refusal
from edge.local.requests import Desk
from protocols.charger.operations.transactions import StartTransaction
from protocols.errors import BadText
from protocols.site.code_requests import ConnectorRef, StartByCode
from protocols.site.staff import Actor, Role
from protocols.sync.down import Command, Operate
from protocols.sync.up import CommandFinished, Outcome
from protocols.terms import EvseRef
from tests.edge.local.parts import NOW, FakeChargers, FakeCommands, FakeInbox, FakeReports, FakeWindow

ASKED = StartByCode(id="1", url="https://pay.example.com/ours", token_uid="GOOD")


class FakeCodes:
    """Knows one code."""

    def place(self, url: str) -> ConnectorRef:
        if url != ASKED.url:
            raise BadText("this code leads elsewhere")
        return ConnectorRef(EvseRef("S1", 2), 3)


@dataclass
class Carried(FakeCommands):
    """Remembers what it was told."""

    last: Command | None = None

    async def carry_out(self, command: Command) -> CommandFinished:
        self.last = command
        return CommandFinished(command_id=command.id, outcome=Outcome.ACCEPTED)


def desk_of(commands: Carried, codes: FakeCodes | None) -> Desk:
    return Desk(FakeWindow(), FakeChargers(), FakeInbox(), commands, lambda: NOW, FakeReports(), codes=codes)


async def test_the_connector_of_the_code_is_the_one_that_is_asked_for() -> None:
    commands = Carried()
    answer = await desk_of(commands, FakeCodes()).answer(ASKED)
    assert answer.problem is None
    assert commands.last is not None
    start = StartTransaction(evse_id=2, connector_id=3, token_uid="GOOD")
    assert commands.last.body == Operate(station_id="S1", operation=start)


async def test_a_code_that_is_not_ours_begins_nothing() -> None:
    commands = Carried()
    strange = StartByCode(id="1", url="https://evil.test/", token_uid="GOOD")
    assert (await desk_of(commands, FakeCodes()).answer(strange)).problem == "this code leads elsewhere"
    assert "qr_url" in ((await desk_of(commands, None).answer(ASKED)).problem or "")
    assert commands.last is None


def test_who_has_not_signed_in_begins_nothing() -> None:
    assert "sign in first" in (refusal(ASKED, None) or "")
    assert refusal(ASKED, Actor("tom", Role.TECHNICIAN)) is None
