"""The notice before a parked vehicle costs something."""

from __future__ import annotations

from decimal import Decimal

from edge.domain.events import Ticked
from protocols.ocpi.tariff import IdleRules
from protocols.sync.up import AlarmCleared, AlarmRaised
from protocols.terms import ChargingState, ConnectorStatus
from tests.edge.domain.pricing.tariff_kit import of
from tests.edge.domain.site_kit import Play, number
from tests.edge.domain.test_time_of_use_transactions import play_by

TARIFF = of("ENERGY 0.20", "PARKING 6", idle=IdleRules(grace_s=900, warn_s=300, max_price=Decimal(20)))


def notices(play: Play) -> list[str]:
    play.tell(Ticked())
    return [alarm.text for alarm in play.site.alarms.values() if alarm.alarm == "idle_fee"]


def parked(play: Play, state: ChargingState = ChargingState.SUSPENDED_EV) -> None:
    play.status("A", 1, ConnectorStatus.OCCUPIED, state)


def test_the_site_tells_before_the_grace_is_over_and_no_more_when_it_charges_again() -> None:
    play = play_by(TARIFF, "16:00")
    play.start(meter_wh=0)
    play.after(30)
    parked(play)
    play.after(9)
    assert notices(play) == []
    play.after(1)
    assert notices(play) == ["the vehicle at A*1 does not charge any more: parking costs from 16:45 on"]
    play.after(1)
    assert len(notices(play)) == 1
    parked(play, ChargingState.CHARGING)
    assert notices(play) == []
    parked(play)  # 11 of the 15 minutes are used
    assert notices(play) == ["the vehicle at A*1 does not charge any more: parking costs from 16:45 on"]
    assert len(play.found(AlarmRaised)) == 2
    assert len(play.found(AlarmCleared)) == 1


def test_the_notice_goes_with_the_vehicle() -> None:
    play = play_by(TARIFF, "16:00")
    transaction = number(play.start(meter_wh=0))
    parked(play)
    play.after(12)
    assert notices(play)
    play.stop(transaction, 100)
    assert notices(play) == []


def test_where_parking_costs_nothing_nobody_is_told() -> None:
    play = play_by(of("ENERGY 0.20", idle=IdleRules(grace_s=60)), "16:00")
    play.start(meter_wh=0)
    parked(play)
    play.after(60)
    assert notices(play) == []
