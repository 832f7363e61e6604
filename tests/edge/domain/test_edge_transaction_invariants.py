"""Whatever happens at a polled charger, in whatever order: each transaction ends in one bill, of what has flowed."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.events import Ticked
from protocols.charger.abilities import EnergySource
from protocols.sync.down import RemoteStart, RemoteStop
from protocols.sync.up import CdrIssued, CdrQuarantined, TransactionEnded, TransactionStarted
from protocols.terms import ChargingState, ConnectorStatus
from tests.edge.domain.bay import Bay, restarted

ACTIONS = (
    *("plug", "unplug", "card", "other card", "charge", "charge", "idle", "fault", "mend"),
    *("lose", "find", "kill", "start", "stop", "tick", "later", "much later", "session anew"),
)


class Charger:
    """A bay, and what is true of it: energy flows only where a vehicle is and the site lets it."""

    def __init__(self, energy: EnergySource) -> None:
        self.bay = Bay(energy=energy)
        self.is_plugged = self.is_faulted = False
        self.is_online = True
        self.flowed_wh = 0
        self.bay.find()
        self.show()

    @property
    def is_released(self) -> bool:
        return bool(self.bay.limits) and self.bay.limits[-1] > 0

    def show(self) -> None:
        if not self.is_online:
            return
        self.bay.read()
        status = ConnectorStatus.OCCUPIED if self.is_plugged else ConnectorStatus.AVAILABLE
        state = ChargingState.CHARGING if self.bay.power_w else ChargingState.SUSPENDED_EVSE
        if self.is_faulted:
            status = ConnectorStatus.FAULTED
        self.bay.status("A", 1, status, state if status is ConnectorStatus.OCCUPIED else None, at=self.bay.now)

    def flow(self) -> None:
        """A minute of charging at 11 kW, seen or not."""
        self.bay.after(1)
        if self.is_plugged and not self.is_faulted and self.is_released:
            self.bay.power_w = 11_000
            assert self.bay.register_wh is not None
            self.bay.register_wh += 183
            self.flowed_wh += 183
        self.show()
        self.bay.power_w = 0

    def do(self, action: str) -> None:
        bay = self.bay
        bay.after(1 / 60)
        match action:
            case "plug":
                self.is_plugged = True
            case "unplug":
                self.is_plugged = False
            case "card" | "other card" if self.is_online:
                bay.card("GOOD" if action == "card" else "OTHER")
            case "charge":
                self.flow()
            case "fault" | "mend":
                self.is_faulted = action == "fault"
            case "lose" if self.is_online:
                self.is_online = False
                bay.lose()
            case "find" if not self.is_online:
                self.is_online = True
                bay.find()
            case "kill":
                energy, limits = bay.energy, bay.limits
                self.bay = bay = restarted(bay)
                bay.energy, bay.limits, self.is_online = energy, limits, True
                bay.find()
            case "start":
                bay.order(RemoteStart(station_id="A", evse_id=1, token_uid="GOOD"))
            case "stop" if bay.site.transactions:
                bay.order(RemoteStop(transaction_id=next(iter(bay.site.transactions))))
            case "tick":
                bay.tell(Ticked())
            case "later":
                bay.now += timedelta(seconds=50)
            case "much later":
                bay.now += timedelta(minutes=40)
            case "session anew" if bay.energy is EnergySource.SESSION:
                bay.register_wh = 0
            case _:
                pass
        self.show()

    def end(self) -> None:
        """Everybody goes home."""
        for action in ("find", "mend", "unplug", "idle", "later", "tick"):
            self.do(action)


@settings(max_examples=150, deadline=None)
@given(
    energy=st.sampled_from((EnergySource.TOTAL, EnergySource.SESSION)),
    actions=st.lists(st.sampled_from(ACTIONS), max_size=40),
)
def test_each_transaction_ends_in_one_bill_of_what_has_flowed(energy: EnergySource, actions: list[str]) -> None:
    charger = Charger(energy)
    for action in actions:
        charger.do(action)
    charger.end()
    bay = charger.bay
    assert not bay.site.transactions
    started = [body.transaction_id for body in bay.found(TransactionStarted)]
    ended = [body.transaction_id for body in bay.found(TransactionEnded)]
    issued, kept_back = bay.found(CdrIssued), bay.found(CdrQuarantined)
    billed = [*(body.cdr for body in issued), *(body.cdr for body in kept_back)]
    assert sorted(started) == sorted(ended) == sorted(cdr.session_id for cdr in billed)
    assert len(set(started)) == len(started)
    assert all(cdr.total_energy_wh >= 0 for cdr in billed)
    assert sum(cdr.total_energy_wh for cdr in billed) <= charger.flowed_wh
    is_seen = not {"lose", "kill", "much later", "session anew"} & set(actions)
    if is_seen and energy is EnergySource.TOTAL:
        assert sum(cdr.total_energy_wh for cdr in billed) == charger.flowed_wh
