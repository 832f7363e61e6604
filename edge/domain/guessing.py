"""Wrong PINs: journaled, and an alarm where somebody seems to guess."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from edge.domain.decision import Decision
from edge.domain.site import Site
from edge.domain.staff_events import PinRefused
from protocols.sync.staff import SignInRefused
from protocols.sync.up import Severity

GUESSING_ALARM: Final = "pin_guessing"
ALARM_FROM: Final = 5


def note_refused(site: Site, decision: Decision, event: PinRefused, now: datetime) -> None:
    refused = SignInRefused(staff_id=event.staff_id, wrong=event.wrong, wait_s=event.wait_s)
    decision.journal(site, now, refused)
    if event.wrong >= ALARM_FROM:
        whose = f"staff {event.staff_id}" if event.staff_id is not None else "a staff id that nobody has"
        text = f"somebody gave {event.wrong} wrong PINs in a row for {whose}"
        decision.raise_alarm(site, now, GUESSING_ALARM, Severity.WARNING, text, event.staff_id or "nobody")
