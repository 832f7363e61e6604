"""The hub's filter: atomic, the last good one kept, told of, and named by all that it kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from edge.domain.events import Done, Refused
from edge.domain.filters import filters
from edge.domain.telemetry import FILTER, TelemetryRules
from edge.domain.view import birth
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.ports import Commit
from protocols.charger.events import MeterValuesReported, Sample
from protocols.sync.filters import Classes, DesiredFilter, DeviceClass, MeasurandFilter
from protocols.sync.up import AlarmCleared, AlarmRaised, DocumentApplied, MeterValuesSampled
from protocols.terms import Measurand
from tests.edge.domain.site_kit import Play, new_site

COARSE: Classes = {DeviceClass.EVSE: {Measurand.POWER: MeasurandFilter(deadband=5_000, percent=0, min_s=0, max_s=900)}}


def tell(play: Play, version: int, classes: Classes) -> object:
    return play.tell(DesiredFilter(version=version, classes=classes)).reply


def read(play: Play, power_w: int, evse_id: int = 1) -> None:
    play.after(1)
    sample = Sample(measurand=Measurand.POWER, value=power_w, at=play.now)
    play.tell(MeterValuesReported(station_id="A", evse_id=evse_id, charger_transaction_id=None, samples=(sample,)))


def kept(play: Play) -> list[tuple[int, list[int], str]]:
    return [(each.evse_id, [s.value for s in each.samples], each.filter) for each in play.found(MeterValuesSampled)]


def test_the_hub_makes_it_coarser_for_evses_alone_and_takes_that_back() -> None:
    play = Play()
    play.connect()
    read(play, 10_000)
    assert isinstance(tell(play, 4, COARSE), Done)
    for evse_id in (1, 0):
        read(play, 12_000, evse_id)
        read(play, 14_000, evse_id)
    assert kept(play)[1:] == [(0, [12_000], f"{FILTER}+4"), (0, [14_000], f"{FILTER}+4")]
    tell(play, 5, {})
    read(play, 12_000)
    assert kept(play)[-1] == (1, [12_000], f"{FILTER}+5")
    assert play.found(MeterValuesSampled)[-1].dropped == 2, "what the filter before it dropped is still told"
    assert [(each.document, each.version) for each in play.found(DocumentApplied)] == [("filter", 4), ("filter", 5)]
    assert birth(play.site, play.now).documents == {"filter": 5}
    assert "filter" in birth(play.site, play.now).understands


def test_one_that_cannot_be_leaves_the_last_good_one_and_is_told_once() -> None:
    play = Play()
    tell(play, 1, COARSE)
    before = play.site.filters
    wrong: Classes = {
        DeviceClass.METER: {
            Measurand.POWER: MeasurandFilter(max_s=5),
            Measurand.VOLTAGE: MeasurandFilter(min_s=700),
            Measurand.CURRENT: MeasurandFilter(min_s=0, max_s=0),
        },
        DeviceClass.EVSE: COARSE[DeviceClass.EVSE],
    }
    for _ in range(2):  # it is retained, and comes with every connect
        assert isinstance(tell(play, 2, wrong), Refused)
    assert play.site.filters is before
    (refused,) = play.found(DocumentApplied)[1:]
    assert refused.version == 2
    for measurand in ("power", "voltage", "current"):
        assert measurand in (refused.problem or "").lower()
    assert [each.alarm for each in play.found(AlarmRaised)] == ["document_unreadable"]
    assert isinstance(tell(play, 1, {}), Done), "an old version changes nothing"
    assert play.site.filters is before
    tell(play, 3, COARSE)
    assert [each.alarm_id for each in play.found(AlarmCleared)] == ["document_unreadable:filter"]


def test_what_is_not_said_is_as_the_site_has_it() -> None:
    own = TelemetryRules()
    made = filters(own, {DeviceClass.METER: {Measurand.POWER: MeasurandFilter(max_s=3_600)}}, 2)
    assert made.evse.by_measurand == own.by_measurand
    assert made.meter.by_measurand[Measurand.POWER].deadband == own.by_measurand[Measurand.POWER].deadband
    assert made.meter.by_measurand[Measurand.POWER].max_interval == timedelta(hours=1) == made.longest
    assert not filters(TelemetryRules(is_enabled=False), COARSE, 1).evse.is_enabled, "what the site switched off"


async def test_it_is_in_force_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1") as ledger:
        play = Play()
        tell(play, 7, COARSE)
        await ledger.commit(Commit(entries=play.entries))
    with Ledger(path, "edge-1") as ledger:
        site = restore(ledger, new_site().rules)
    assert (site.filters, site.documents) == (play.site.filters, {"filter": 7})
