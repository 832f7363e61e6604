"""The chargers of a random money journey: two outlets of an OCPP 1.6 station, one of a 2.0.1 station, with true meters.

What they say is as stations say it: in order, kept while there is no way to the agent, and once more until answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from protocols.charger.commands import TransactionAnswer
from protocols.charger.events import (
    MeterValuesReported,
    Sample,
    TransactionBegan,
    TransactionContinued,
    TransactionFinished,
)
from protocols.terms import AuthorizationStatus, ChargingState, Measurand
from tests.journeys.money_world import World

READ_EVERY = timedelta(minutes=5)


@dataclass(eq=False)
class Session:
    """What truly happened, to be held against the bill. `drawn_wh` is by the meter as it was read; `is_plain`: the
    station's clock and meter were right all the time, so that the bill must say exactly this."""

    charger_id: str
    began_wh: int
    began_at: datetime
    number: str | None = None
    seq_no: int = 0
    is_plain: bool = True
    is_refused: bool = False
    was_reset: bool = False
    ended_wh: int | None = None
    ended_at: datetime | None = None
    drawn_wh: int = 0


@dataclass(eq=False)
class Outlet:
    """`clock_off` is how wrong the station's clock is."""

    world: World
    station_id: str
    evse_id: int
    max_power_w: int
    register_wh: float = 5000.0
    clock_off: timedelta = timedelta()
    session: Session | None = None
    past: list[Session] = field(default_factory=list)

    @property
    def is_16(self) -> bool:
        return self.station_id == "A"

    @property
    def at(self) -> datetime:
        return self.world.now + self.clock_off

    async def begin(self, token: str | None) -> None:
        """A vehicle is plugged in, and a card shown or not."""
        count = len(self.past) + 1
        # Two starts of one card at one register in the same millisecond are one start that is said twice.
        self.world.now += timedelta(seconds=1, milliseconds=self.world.begun)
        self.world.begun += 1
        session = Session(f"{self.station_id}{self.evse_id}-{count}", int(self.register_wh), self.world.now)
        session.is_plain = not self.clock_off
        self.session = session
        is_offline = self.station_id not in self.world.reached
        event = TransactionBegan(
            station_id=self.station_id,
            evse_id=self.evse_id,
            connector_id=1,
            charger_transaction_id=None if self.is_16 else session.charger_id,
            token_uid=token,
            meter_start_wh=int(self.register_wh),
            at=self.at,
            charging_state=None if self.is_16 else ChargingState.CHARGING,
            seq_no=None if self.is_16 else 0,
            is_offline=is_offline,
        )

        async def say() -> None:
            reply = await self.world.ask(event)
            assert isinstance(reply, TransactionAnswer), reply
            session.number = reply.charger_transaction_id
            if reply.id_token is not None and reply.id_token.status is not AuthorizationStatus.ACCEPTED:
                session.is_refused = True

        await self.world.say(self.station_id, say)

    async def flow(self, minutes: int, power_w: int) -> None:
        """Something flows; the register is read now. Time is moved on by whoever calls."""
        session = self.session
        if session is None:
            return
        if session.is_refused or session.number in self.world.told_to_stop:
            await self.end("DeAuthorized" if session.is_refused else "Remote")
            return
        before = int(self.register_wh)
        self.register_wh += min(power_w, self.max_power_w) * minutes / 60
        session.drawn_wh += int(self.register_wh) - before
        await self._read(session, power_w)

    async def _read(self, session: Session, power_w: int) -> None:
        at = self.at
        samples = (
            Sample(measurand=Measurand.ENERGY_REGISTER, value=int(self.register_wh), at=at),
            Sample(measurand=Measurand.POWER, value=power_w, at=at),
        )
        session.seq_no += 1
        seq_no = session.seq_no
        is_offline = self.station_id not in self.world.reached

        async def say() -> None:
            number = session.number or session.charger_id
            if self.is_16:
                await self.world.tell(
                    MeterValuesReported(
                        station_id=self.station_id,
                        evse_id=self.evse_id,
                        charger_transaction_id=number,
                        samples=samples,
                    )
                )
                return
            await self.world.tell(
                TransactionContinued(
                    station_id=self.station_id,
                    charger_transaction_id=number,
                    evse_id=self.evse_id,
                    token_uid=None,
                    at=at,
                    charging_state=ChargingState.CHARGING if power_w else ChargingState.SUSPENDED_EV,
                    samples=samples,
                    seq_no=seq_no,
                    is_offline=is_offline,
                )
            )

        await self.world.say(self.station_id, say)

    async def reset_meter(self) -> None:
        """The meter was just read, and begins again from nothing."""
        session = self.session
        if session is not None:
            session.was_reset, session.is_plain = True, False
        self.register_wh = 0.0

    def lose_time(self) -> None:
        """The agent's clock is put back, and the station's with it."""
        for session in [*self.past, *([self.session] if self.session else [])]:
            if session is self.session or self.station_id not in self.world.reached:
                session.is_plain = False

    async def jump_clock(self, minutes: int) -> None:
        self.clock_off += timedelta(minutes=minutes)
        if self.session is not None:
            self.session.is_plain = False

    async def mend_clock(self) -> None:
        if self.clock_off and self.session is not None:
            self.session.is_plain = False
        self.clock_off = timedelta()

    async def end(self, reason: str = "Local") -> None:
        session = self.session
        if session is None:
            return
        self.session = None
        session.ended_wh, session.ended_at = int(self.register_wh), self.world.now
        self.past.append(session)
        session.seq_no += 1
        event_at, register_wh, seq_no = self.at, int(self.register_wh), session.seq_no
        is_offline = self.station_id not in self.world.reached

        async def say() -> None:
            number = session.number or session.charger_id
            self.world.told_to_stop.discard(number)
            await self.world.tell(
                TransactionFinished(
                    station_id=self.station_id,
                    charger_transaction_id=number,
                    token_uid=None,
                    meter_stop_wh=register_wh,
                    at=event_at,
                    reason=reason,
                    seq_no=None if self.is_16 else seq_no,
                    evse_id=None if self.is_16 else self.evse_id,
                    is_offline=is_offline,
                )
            )

        await self.world.say(self.station_id, say)
