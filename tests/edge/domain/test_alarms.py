"""Alarms are raised once, and only so many at a time."""

from __future__ import annotations

import pytest

from edge.domain import decision as decision_module
from edge.domain.decision import TOO_MANY_ALARMS, Decision
from protocols.sync.up import AlarmCleared, AlarmRaised, Severity
from tests.edge.domain.site_kit import START, new_site


def test_beyond_so_many_one_alarm_stands_for_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_module, "MAX_OPEN_ALARMS", 3)
    site, decision = new_site(), Decision()
    for number in (0, 0, 1, 2, 3, 4):
        decision.raise_alarm(site, START, "bill_quarantined", Severity.WARNING, "look", f"bill-{number}")
    raised = [entry.body.alarm for entry in decision.entries if isinstance(entry.body, AlarmRaised)]
    assert raised == ["bill_quarantined"] * 3 + [TOO_MANY_ALARMS]
    for number in (0, 1):
        decision.clear_alarm(site, START, "bill_quarantined", f"bill-{number}")
    cleared = [entry.body.alarm_id for entry in decision.entries if isinstance(entry.body, AlarmCleared)]
    assert cleared == ["bill_quarantined:bill-0", f"{TOO_MANY_ALARMS}:agent", "bill_quarantined:bill-1"]
    decision.raise_alarm(site, START, "bill_quarantined", Severity.WARNING, "look", "bill-9")
    assert "bill_quarantined:bill-9" in site.alarms


def test_an_alarm_names_the_station_and_the_evse_where_it_can() -> None:
    site, decision = new_site(), Decision()
    ref = next(iter(site.evses))
    for about, place in (
        (ref, None),
        (ref.station_id, None),
        ("bill-1", ref),
        (f"{ref.station_id}/Temperature", ref.station_id),
        ("agent", None),
    ):
        decision.raise_alarm(site, START, "look", Severity.WARNING, "look", about, place)
    raised = [entry.body for entry in decision.entries if isinstance(entry.body, AlarmRaised)]
    assert [(alarm.station_id, alarm.evse_id) for alarm in raised] == [
        (ref.station_id, ref.evse_id),
        (ref.station_id, None),
        (ref.station_id, ref.evse_id),
        (ref.station_id, None),
        (None, None),
    ]
