"""A charger that knows no transactions, told of second by second."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from edge.domain.decision import Decision
from edge.domain.events import Restarted
from edge.domain.run_book import RunRules
from edge.domain.site import Site
from protocols.charger.abilities import Abilities, EnergySource, Polled
from protocols.charger.events import (
    IdTokenPresented,
    MeterValuesReported,
    Sample,
    StationConnected,
    StationDisconnected,
)
from protocols.charger.operations.smart_charging import SetChargingProfile
from protocols.charger.operations.transactions import UnlockConnector
from protocols.ocpi.cdr import Cdr
from protocols.sync.down import Command, Operate, RemoteStart, RemoteStop
from protocols.sync.up import CdrIssued, CdrQuarantined, CommandFinished, TransactionEnded, TransactionStarted
from protocols.terms import ChargingState, ConnectorStatus, EvseRef, Measurand
from tests.edge.domain.site_kit import Play

KWH = 1000
STATION = EvseRef("A", 1)


@dataclass
class Bay(Play):
    """Station A is polled: its first EVSE is told of second by second."""

    energy: EnergySource = EnergySource.TOTAL
    register_wh: int | None = 5000
    power_w: int = 0
    rolls_over_at_wh: int | None = None
    commands: int = 0

    def __post_init__(self) -> None:
        self.site.rules.runs["A"] = RunRules(end_after=timedelta(minutes=30))
        self.limits: list[float] = []
        self.tell(Restarted())

    def tell(self, event: Any) -> Decision:
        decision = super().tell(event)
        for command in decision.commands:
            assert isinstance(command.operation, SetChargingProfile | UnlockConnector), command
            if isinstance(command.operation, UnlockConnector):
                continue
            if command.station_id == "A" and command.operation.evse_id == 1:
                self.limits.append(command.operation.profile.schedules[0].periods[0].limit)
        return decision

    def find(self) -> None:
        is_estimated = self.energy in (EnergySource.POWER, EnergySource.NONE)
        polled = Polled(
            profile_id="some_charger",
            energy=self.energy,
            rolls_over_at_wh=self.rolls_over_at_wh,
            is_estimated=is_estimated,
        )
        self.tell(StationConnected(station_id="A", abilities=Abilities(ocpp_version=None, polled=polled)))

    def lose(self) -> None:
        self.tell(StationDisconnected(station_id="A"))

    def read(self) -> None:
        """A round of reading: what the meter shows."""
        samples = [Sample(measurand=Measurand.POWER, value=self.power_w, at=self.now)]
        if self.register_wh is not None:
            samples.append(Sample(measurand=Measurand.ENERGY_REGISTER, value=self.register_wh, at=self.now))
        self.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=tuple(samples)))

    def vehicle(self, state: ChargingState = ChargingState.SUSPENDED_EVSE) -> None:
        self.read()
        self.status("A", 1, ConnectorStatus.OCCUPIED, state, at=self.now)

    def no_vehicle(self) -> None:
        self.power_w = 0
        self.read()
        self.status("A", 1, ConnectorStatus.AVAILABLE, at=self.now)

    def card(self, uid: str = "GOOD", **more: Any) -> Decision:
        return self.tell(IdTokenPresented(station_id="A", token_uid=uid, evse_id=1, **more))

    def charge(self, energy_wh: int, minutes: int = 60) -> None:
        """Minute by minute at an even power."""
        self.power_w = energy_wh * 60 // minutes
        self.vehicle(ChargingState.CHARGING)
        for _ in range(minutes):
            self.after(1)
            if self.register_wh is not None:
                self.register_wh += energy_wh // minutes
            self.read()

    def idle(self, seconds: float = 1) -> None:
        """The vehicle draws nothing; one more round."""
        self.power_w = 0
        self.after(seconds / 60)
        self.vehicle(ChargingState.SUSPENDED_EVSE)

    def unplug(self) -> None:
        self.after(1 / 60)
        self.no_vehicle()
        self.after(1 / 60)
        self.read()

    def order(self, body: RemoteStart | RemoteStop | Operate) -> Decision:
        self.commands += 1
        expires_at = self.now + timedelta(minutes=1)
        return self.tell(Command(id=f"c{self.commands}", issued_at=self.now, expires_at=expires_at, body=body))

    def outcome(self, command_id: str) -> CommandFinished | None:
        return next((each for each in self.found(CommandFinished) if each.command_id == command_id), None)

    def bills(self) -> list[Cdr]:
        issued, kept_back = self.found(CdrIssued), self.found(CdrQuarantined)
        return [*(body.cdr for body in issued), *(body.cdr for body in kept_back)]

    def bill(self) -> Cdr:
        """The one that there is, issued."""
        (cdr,) = self.bills()
        assert cdr.quarantine == ()
        assert len(self.found(TransactionStarted)) == len(self.found(TransactionEnded)) == 1
        assert not self.site.transactions
        return cdr


def restarted(bay: Bay) -> Bay:
    """The same site in another process: what the ledger holds, and nothing else."""
    site = Site(rules=bay.site.rules, epoch=bay.site.epoch, last_seq=bay.site.last_seq)
    for station_id in site.rules.stations:
        site.station(station_id)
    for evse in bay.site.rules.location.evses:
        site.add_evse(evse)
    site.tokens = bay.site.tokens
    for transaction in bay.site.transactions.values():
        site.open_transaction(transaction.copied())
    was = bay.site.evses[STATION]
    status = site.evses[STATION]
    status.status, status.charging_state = was.status, was.charging_state
    again = Bay(site=site, now=bay.now)
    again.register_wh, again.entries = bay.register_wh, bay.entries
    return again
