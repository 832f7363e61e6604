"""What a transaction costs so far is told to stations that can show it, where the site wants that."""

from __future__ import annotations

from datetime import timedelta

from edge.domain.events import Ticked
from protocols.charger.events import Sample, TransactionBegan, TransactionContinued
from protocols.charger.operations.transactions import UpdateCost
from protocols.terms import Measurand
from tests.edge.domain.site_kit import Play, new_site


def charging(play: Play) -> None:
    """At B, which speaks 2.0.1: 1 kWh so far, and a 1.6 one at A."""
    play.connect()
    play.start()
    for kind, wh in ((TransactionBegan, 1000), (TransactionContinued, 2000)):
        sample = Sample(measurand=Measurand.ENERGY_REGISTER, value=wh, at=play.now)
        more = {"meter_start_wh": wh} if kind is TransactionBegan else {}
        event = kind(
            station_id="B", evse_id=1, connector_id=1, charger_transaction_id="t-1", token_uid="GOOD", at=play.now,
            samples=(sample,), **more,
        )  # fmt: skip
        play.tell(event)
        play.after(1)


def test_nothing_is_told_where_nobody_wants_it() -> None:
    play = Play()
    charging(play)
    play.after(60)
    assert play.tell(Ticked()).commands == []


def test_the_cost_so_far_goes_to_the_display_and_into_the_answers() -> None:
    play = Play(site=new_site(running_cost_every=timedelta(minutes=5)))
    charging(play)
    assert play.tell(Ticked()).commands == []
    play.after(5)
    (command,) = play.tell(Ticked()).commands
    assert command.operation == UpdateCost(charger_transaction_id="t-1", total_cost=command.operation.total_cost)
    assert (command.station_id, str(command.operation.total_cost)) == ("B", "0.60")
    assert play.tell(Ticked()).commands == []
    update = TransactionContinued(station_id="B", evse_id=1, charger_transaction_id="t-1", token_uid=None, at=play.now)
    assert play.tell(update).reply.total_cost == "0.60"  # type: ignore[union-attr]
