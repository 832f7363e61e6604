"""What a station's own main meter says against the bills of its EVSEs (field quirk 4)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from edge.domain.transaction import Doubt
from protocols.charger.events import MeterValuesReported
from tests.edge.domain.site_kit import Play, doubts, issued, number, register


@pytest.fixture
def play() -> Play:
    made = Play()
    made.connect()
    return made


def read_main_meter(play: Play, wh: int) -> None:
    samples = (register(wh, play.now),)
    play.tell(MeterValuesReported(station_id="A", evse_id=0, charger_transaction_id=None, samples=samples))


@pytest.mark.parametrize(
    ("first", "last", "unread_minutes", "energy_wh", "is_sound"),
    [
        pytest.param(500_000, 500_083, 0, 5_083, False, id="a young odometer"),
        pytest.param(500_000, 505_000, 0, 5_083, True, id="two meters that are apart a little"),
        pytest.param(500_000, 505_000, 0, 7_000, False, id="too far apart"),
        pytest.param(500_000, 500_083, 30, 11_500, True, id="as much as can have come since the last reading"),
        pytest.param(500_000, 500_083, 30, 13_000, False, id="more than can have come since"),
        pytest.param(500_000, 500_000, 0, 5_083, True, id="one that stands still"),
        pytest.param(500_000, 20, 0, 5_083, True, id="one that was reset"),
        pytest.param(None, 500_083, 0, 5_083, True, id="one that was not read before"),
        pytest.param(500_000, 520_000, 0, 5_083, True, id="the other EVSEs draw too"),
    ],
)
def test_no_evse_delivers_what_the_station_s_main_meter_does_not_show(
    play: Play, first: int | None, last: int, unread_minutes: int, energy_wh: int, is_sound: bool
) -> None:
    if first is not None:
        read_main_meter(play, first)
    play.after(1)
    transaction = number(play.start(0))
    play.after(120)
    read_main_meter(play, last)
    play.after(unread_minutes)
    play.stop(transaction, energy_wh)
    if is_sound:
        assert issued(play).total_energy_wh == energy_wh
    else:
        (reason,) = doubts(play)
        assert reason.startswith(str(Doubt.MAIN_METER))
        assert f"rose by {last - (first or 0)} Wh" in reason


def test_what_a_queue_tells_of_the_main_meter_later_is_no_reading_from_before(play: Play) -> None:
    play.after(120)
    read_main_meter(play, 505_000)
    begun = play.now - timedelta(minutes=100)
    transaction = number(play.start(0, at=begun))
    read_main_meter(play, 505_083)
    play.stop(transaction, 5_083)
    assert issued(play).total_energy_wh == 5_083
