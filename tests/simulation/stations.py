"""The stations of the simulation: drivers come, charge and leave; a station says everything until it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any, Final

from edge.domain.customer_events import CustomersImported
from edge.domain.events import SiteEvent
from edge.ports import Overloaded
from protocols.charger.abilities import OCPP_16, OCPP_201
from protocols.charger.commands import TransactionAnswer
from protocols.charger.events import (
    MeterValuesReported,
    Sample,
    StationConnected,
    StatusReported,
    TransactionBegan,
    TransactionContinued,
    TransactionFinished,
)
from protocols.ocpi.customer import Billing, Contract, Customer
from protocols.ocpi.token import Token
from protocols.terms import ChargingState, ConnectorStatus, Measurand
from tests.simulation.edge_side import EdgeSide

ANSWER_S: Final = 30.0
PAUSE_S: Final = (1_800.0, 360_000.0)
"""Between two drivers at an outlet."""
CUSTOMER: Final = Customer(id="K1", name="Anna Müller", language="de")
CONTRACTS: Final = (
    Contract(id="C-POST", customer_id="K1", billing=Billing.POSTPAID, currency="EUR"),
    Contract(id="C-SHARED", customer_id="K1", billing=Billing.POSTPAID, currency="EUR"),
)
TOKENS: Final = (
    *(Token(uid=each.id.removeprefix("C-"), contract_id=each.id) for each in CONTRACTS),
    Token(uid="GOOD", contract_id="C-GOOD"),
)
OUTLETS: Final = (("A", 1, 22_000), ("A", 2, 22_000), ("B", 1, 11_000))


class Stations:
    """All outlets of the site. `is_open` False: no new driver comes."""

    def __init__(self, edge: EdgeSide, random: Random, now: Callable[[], datetime]) -> None:
        self.is_open = True
        self.sessions = 0
        self._edge = edge
        self._random = random
        self._now = now
        self._met: dict[str, int] = {}

    async def run(self) -> None:
        """Until all have left after the doors were closed."""
        await self.say(None, CustomersImported(by="op", customers=(CUSTOMER,), contracts=CONTRACTS, tokens=TOKENS))
        async with asyncio.TaskGroup() as tasks:
            for station_id, evse_id, power_w in OUTLETS:
                tasks.create_task(self._outlet(station_id, evse_id, power_w), name=f"{station_id}{evse_id}")

    async def say(self, station_id: str | None, event: SiteEvent) -> Any:
        """Until it is answered: not heard, or not answered, it is said once more."""
        while True:
            agent = self._edge.agent
            if agent is not None and self._edge.is_running:
                try:
                    async with asyncio.timeout(ANSWER_S):
                        if station_id is not None and self._met.get(station_id) != self._edge.starts:
                            await agent.ask(_hello(station_id))
                            self._met[station_id] = self._edge.starts
                        return await agent.ask(event)
                except (TimeoutError, Overloaded):
                    pass
            await asyncio.sleep(self._random.uniform(5, 60))

    async def _outlet(self, station_id: str, evse_id: int, max_power_w: int) -> None:
        register_wh = 5_000
        while self.is_open:
            await asyncio.sleep(self._random.uniform(*PAUSE_S))
            if not self.is_open:
                return
            self.sessions += 1
            register_wh += await _Session(self, station_id, evse_id, max_power_w, self.sessions, register_wh).run()

    @property
    def random(self) -> Random:
        return self._random

    def now(self) -> datetime:
        return self._now()


class _Session:
    """One driver's visit."""

    def __init__(
        self, stations: Stations, station_id: str, evse_id: int, max_power_w: int, number: int, register_wh: int
    ) -> None:
        self._stations = stations
        self._station_id = station_id
        self._evse_id = evse_id
        self._max_power_w = max_power_w
        self._began_wh = self._register_wh = register_wh
        self._charger_id = f"{station_id}{evse_id}-{number}"
        self._seq_no = 0

    @property
    def _is_16(self) -> bool:
        return self._station_id == "A"

    async def run(self) -> int:
        """Returns what was drawn, in Wh."""
        random = self._stations.random
        shows = random.random() < 0.3
        if shows:
            await self._status(ConnectorStatus.OCCUPIED)
        answer = await self._say(self._began(random.choice([*(token.uid for token in TOKENS), "STRANGE"])))
        if isinstance(answer, TransactionAnswer):
            self._charger_id = answer.charger_transaction_id
        for _ in range(random.randint(1, 2)):
            seconds = random.uniform(300, 3_000)
            await asyncio.sleep(seconds)
            self._register_wh += int(self._max_power_w * random.uniform(0.2, 0.9) * seconds / 3_600)
            await self._say(self._read(int(self._max_power_w * random.uniform(0.1, 0.9))))
        await self._say(self._ended())
        if shows:
            await self._status(ConnectorStatus.AVAILABLE)
        return self._register_wh - self._began_wh

    async def _say(self, event: SiteEvent) -> Any:
        return await self._stations.say(self._station_id, event)

    async def _status(self, status: ConnectorStatus) -> None:
        await self._say(
            StatusReported(station_id=self._station_id, evse_id=self._evse_id, connector_id=1, status=status)
        )

    def _began(self, token: str) -> TransactionBegan:
        return TransactionBegan(
            station_id=self._station_id,
            evse_id=self._evse_id,
            connector_id=1,
            charger_transaction_id=None if self._is_16 else self._charger_id,
            token_uid=token,
            meter_start_wh=self._register_wh,
            at=self._stations.now(),
            charging_state=None if self._is_16 else ChargingState.CHARGING,
            seq_no=None if self._is_16 else 0,
        )

    def _read(self, power_w: int) -> SiteEvent:
        at = self._stations.now()
        samples = (
            Sample(measurand=Measurand.ENERGY_REGISTER, value=self._register_wh, at=at),
            Sample(measurand=Measurand.POWER, value=power_w, at=at),
        )
        if self._is_16:
            return MeterValuesReported(
                station_id=self._station_id,
                evse_id=self._evse_id,
                charger_transaction_id=self._charger_id,
                samples=samples,
            )
        self._seq_no += 1
        return TransactionContinued(
            station_id=self._station_id,
            charger_transaction_id=self._charger_id,
            evse_id=self._evse_id,
            token_uid=None,
            at=at,
            charging_state=ChargingState.CHARGING,
            samples=samples,
            seq_no=self._seq_no,
        )

    def _ended(self) -> TransactionFinished:
        self._seq_no += 1
        return TransactionFinished(
            station_id=self._station_id,
            charger_transaction_id=self._charger_id,
            token_uid=None,
            meter_stop_wh=self._register_wh,
            at=self._stations.now(),
            reason="Local",
            seq_no=None if self._is_16 else self._seq_no,
            evse_id=None if self._is_16 else self._evse_id,
        )


def _hello(station_id: str) -> StationConnected:
    return StationConnected(station_id=station_id, abilities=OCPP_16 if station_id == "A" else OCPP_201)
