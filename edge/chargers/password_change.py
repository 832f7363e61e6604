"""Giving a station a new password (OCPP 2.0.1 A01; 1.6 security whitepaper, AuthorizationKey).

The new one is made here and known to the station alone. Its hash is durable before the station hears of it, and the old
one stays good until the station has come back with the new one: whatever breaks in between, the station can come in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, Literal
from uuid import uuid4

import structlog

from edge.chargers.credentials import Credentials, generate_password, hash_password
from edge.domain.events import Done, PasswordChanged, SiteReply
from edge.ports import Clock, Commands, Inbox, Overloaded
from protocols.charger.operations.variables import SetVariables, VariableName, VariableSetting
from protocols.errors import BadText
from protocols.ocpp.passwords import is_password_taken, password_in
from protocols.ocpp.version import Version
from protocols.sync.down import Command, Operate
from protocols.sync.up import CommandFinished, Outcome

TIMEOUT_S: Final = 60.0
RETRY_S: Final = 1.0
_NOT_KNOWN: Final = ("Timeout", "NotConnected")
"""After these the station may have taken the password though nobody heard it say so."""


class PasswordChange:
    """Implements the port Passwords, and is the fleet's PasswordWatch."""

    def __init__(
        self,
        credentials: Credentials,
        inbox: Inbox,
        commands: Commands,
        clock: Clock,
        version_of: Callable[[str], Version | None],
    ) -> None:
        self._credentials = credentials
        self._inbox = inbox
        self._commands = commands
        self._clock = clock
        self._version_of = version_of
        self._log = structlog.get_logger("edge.passwords")
        credentials.on_adopted = self._adopted

    async def change(self, station_id: str) -> str:
        """See edge.ports.Passwords."""
        if not self._credentials.is_known(station_id):
            raise BadText(f"station {station_id} is not configured")
        version = self._version_of(station_id)
        if version is None:
            raise BadText(f"station {station_id} is not connected")
        password = generate_password()
        hashes = _hashes(password, version)
        await self._decide(station_id, "offered", hashes)
        self._credentials.offer(station_id, hashes)
        finished = await self._tell(station_id, password, version)
        if finished.outcome is Outcome.ACCEPTED:
            self._log.info("password_offered", station_id=station_id)
            return f"{station_id} has a new password; the old one is good until it comes back with the new one"
        if finished.outcome is Outcome.FAILED and finished.detail.startswith(_NOT_KNOWN):
            raise BadText(
                f"whether {station_id} took the new password is not known ({finished.detail}): either is good"
            )
        self._credentials.withdraw(station_id)
        await self._decide(station_id, "withdrawn", ())
        raise BadText(f"{station_id} did not take a new password: {finished.detail}")

    async def begin(self, station_id: str, action: str, payload: dict[str, Any]) -> bool:
        """Before staff have a call made: a password that they set by hand is good from now on, too, or the station
        could not come in with it. True where this is such a call; `end` must follow. Raises BadText where it is not
        kept."""
        password, version = password_in(action, payload), self._version_of(station_id)
        if password is None or version is None or not self._credentials.is_known(station_id):
            return False
        if self._credentials.is_offered(station_id, password):
            return False  # it is made by `change`
        hashes = _possible_hashes(password, version)
        if not hashes:
            return False  # it is none by the standard, and the station will say so
        await self._decide(station_id, "offered", hashes)
        self._credentials.offer(station_id, hashes)
        return True

    async def end(self, station_id: str, action: str, answer: dict[str, Any]) -> None:
        """The station answered; a password that it did not take is not good any more."""
        if not is_password_taken(action, answer):
            self._credentials.withdraw(station_id)
            with suppress(BadText):  # a busy agent forgets it at its next start at the latest: nobody has it
                await self._decide(station_id, "withdrawn", ())

    async def _tell(self, station_id: str, password: str, version: Version) -> CommandFinished:
        now = self._clock()
        operation = SetVariables(settings=(VariableSetting(name=_name(version), value=password),))
        command = Command(
            id=f"password-{uuid4()}",
            issued_at=now,
            expires_at=now + timedelta(seconds=TIMEOUT_S),
            body=Operate(station_id=station_id, operation=operation),
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._commands.carry_out(command)
        except TimeoutError:
            return CommandFinished(command_id=command.id, outcome=Outcome.FAILED, detail="Timeout")
        except Overloaded:
            return CommandFinished(command_id=command.id, outcome=Outcome.REJECTED, detail="the agent is too busy")

    async def _decide(self, station_id: str, stage: Literal["offered", "withdrawn"], hashes: tuple[str, ...]) -> None:
        """Have a step of it journaled. Raises BadText where it is not."""
        event = PasswordChanged(
            station_id=station_id,
            stage=stage,
            hashes=hashes,
            instead_of=self._credentials.configured(station_id),
        )
        try:
            reply = await self._inbox.ask(event)
        except Overloaded:
            raise BadText("the agent is too busy; try again") from None
        if not isinstance(reply, Done):
            raise BadText(f"the site did not take it: {reply}")

    def _adopted(self, station_id: str, adopted: str) -> None:
        """The station came with it. Until this is durable, the ledger has it as offered, and either is good."""
        self._log.info("password_adopted", station_id=station_id)
        event = PasswordChanged(
            station_id=station_id,
            stage="adopted",
            hashes=(adopted,),
            instead_of=self._credentials.configured(station_id),
        )
        self._put(event)

    def _put(self, event: PasswordChanged) -> None:
        try:
            self._inbox.put(event, _ignore)
        except Overloaded:
            asyncio.get_running_loop().call_later(RETRY_S, self._put, event)


def _ignore(_reply: SiteReply) -> None:
    """Nobody waits for it."""


def _name(version: Version) -> VariableName:
    if version is Version.V16:
        return VariableName(variable="AuthorizationKey")
    return VariableName(component="SecurityCtrlr", variable="BasicAuthPassword")


def _hashes(password: str, version: Version) -> tuple[str, ...]:
    """1.6 stations after the whitepaper's first edition take the hexadecimal digits for bytes, others for a text."""
    if version is Version.V16:
        return hash_password(password), hash_password(bytes.fromhex(password))
    return (hash_password(password),)


def _possible_hashes(password: str, version: Version) -> tuple[str, ...]:
    """As `_hashes`, of a password that staff made up: those of its meanings that a password may have."""
    found = []
    with suppress(BadText):
        found.append(hash_password(password))
    if version is Version.V16:
        with suppress(BadText, ValueError):
            found.append(hash_password(bytes.fromhex(password)))
    return tuple(found)
