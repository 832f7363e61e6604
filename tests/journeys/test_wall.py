"""Who looks at the wall display is as strict as is just: tried on pictures that are true, late and untrue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import pytest

from deploy.demo.site import Site
from firmware_sim.fleet import Fleet
from protocols.site.view import EvseView, SiteTotals, Snapshot
from protocols.terms import EvseRef, EvseState
from tests.journeys.wall import LATENCY_S, Moment, Picture, Unsaid, Watcher, _Judge

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
REF = EvseRef("CP01", 1)
FREE, OCCUPIED, OFFLINE = EvseState.FREE, EvseState.OCCUPIED, EvseState.OFFLINE


@dataclass(frozen=True)
class OneStation:
    """As much of a fleet as the judge looks at."""

    stations: tuple[str, ...] = ("CP01",)


def untruths(
    shown: EvseState, heard_s: float, truth: list[tuple[float, EvseState]], unsaid: tuple[Unsaid, ...] = ()
) -> list[str]:
    watcher = Watcher(site=cast(Site, None))
    watcher.truth[REF] = [Moment(since_s, frozenset({word}), False) for since_s, word in truth]
    watcher.unsaid[REF] = list(unsaid)
    tile = EvseView(station_id="CP01", evse_id=1, label="A1", state=shown, max_power_w=11_000)
    totals = SiteTotals(
        at=NOON,
        power_w=0,
        is_uplink_online=True,
        uplink_since=None,
        backlog=0,
        open_alarms=0,
        allows_unknown_stations=False,
    )
    site = Snapshot(location_id="L", name="L", time_zone="UTC", currency="EUR", totals=totals, evses=(tile,))
    judge = _Judge(watcher, cast(Fleet, OneStation()), [])
    return [kind for kind, _ in judge.judge(Picture(heard_s, site, {}, {REF: NOON}, 0))]


LEFT = [(0.0, OCCUPIED), (100.0, FREE)]
"""A car that left at 100 s."""
QUEUED = (Unsaid(100.0, 100.0, NOON), Unsaid(108.0, None, None))
"""Its charger is answered 8 s later."""


@pytest.mark.parametrize(
    ("heard_s", "unsaid", "is_just"),
    [
        (100.0 + LATENCY_S - 0.1, (), True),
        (100.0 + LATENCY_S + 0.1, (), False),
        (107.0, QUEUED, True),
        (108.0 + LATENCY_S - 0.1, QUEUED, True),
        (108.0 + LATENCY_S + 0.1, QUEUED, False),
    ],
)
def test_what_is_past_may_be_shown_until_the_charger_has_said_so(
    heard_s: float, unsaid: tuple[Unsaid, ...], is_just: bool
) -> None:
    """Said is what the edge has answered: from then on a display has its latency, and no more."""
    assert bool(untruths(OCCUPIED, heard_s, LEFT, unsaid)) is not is_just
    assert not untruths(FREE, heard_s, LEFT, unsaid)


@pytest.mark.parametrize("unsaid", [(), (Unsaid(60.0, 60.0, NOON),)])
def test_what_was_before_an_absence_may_not_be_shown_after_it(unsaid: tuple[Unsaid, ...]) -> None:
    """However much the charger has to say of it: this was seen when the agent was killed again and again."""
    truth = [(0.0, OCCUPIED), (60.0, OFFLINE), (100.0, FREE)]
    assert untruths(OCCUPIED, 103.0, truth, unsaid)
    assert untruths(OCCUPIED, 110.0, truth, unsaid)
    assert untruths(OCCUPIED, 90.0, truth, unsaid)
    assert not untruths(OFFLINE, 90.0, truth, unsaid)
    assert not untruths(FREE, 103.0, truth, unsaid)
