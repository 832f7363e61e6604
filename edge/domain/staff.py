"""The staff as the journal has it: wrong PINs, an alarm where somebody seems to guess, and who is on the list."""

from __future__ import annotations

from datetime import datetime
from typing import Final, assert_never

from edge.domain.decision import Decision
from edge.domain.events import Done
from edge.domain.site import Site
from edge.domain.staff_events import PinAccepted, PinRefused, StaffEvent, StaffListed
from protocols.sync.staff import SignInRefused, SignInRegained, StaffChange, StaffChanged
from protocols.sync.up import Severity

GUESSING_ALARM: Final = "pin_guessing"
ALARM_FROM: Final = 5
MAX_CHANGES: Final = 200
"""In one entry; a long list comes in several."""


def note(site: Site, decision: Decision, event: StaffEvent, now: datetime) -> None:
    match event:
        case PinRefused():
            _note_refused(site, decision, event, now)
        case PinAccepted(staff_id=staff_id, wrong=wrong):
            decision.journal(site, now, SignInRegained(staff_id=staff_id, wrong=wrong))
        case StaffListed():
            _note_list(site, decision, event, now)
        case _:
            assert_never(event)
    decision.reply = Done(text="noted")


def _note_refused(site: Site, decision: Decision, event: PinRefused, now: datetime) -> None:
    refused = SignInRefused(staff_id=event.staff_id, wrong=event.wrong, wait_s=event.wait_s)
    decision.journal(site, now, refused)
    if event.wrong >= ALARM_FROM:
        whose = f"staff {event.staff_id}" if event.staff_id is not None else "a staff id that nobody has"
        text = f"somebody gave {event.wrong} wrong PINs in a row for {whose}"
        decision.raise_alarm(site, now, GUESSING_ALARM, Severity.WARNING, text, event.staff_id or "nobody")


def _note_list(site: Site, decision: Decision, event: StaffListed, now: datetime) -> None:
    """Only what is another than before; the same list again changes nothing."""
    changes: list[StaffChange] = []
    for each in event.staff:
        was = site.staff.get(each.staff_id)
        if was == (each.name, each.role) and not each.is_pin_new:
            continue
        was_role = was[1] if was is not None else None
        is_pin_new = each.is_pin_new and was is not None
        change = StaffChange(
            staff_id=each.staff_id, name=each.name, role=each.role, was_role=was_role, is_pin_new=is_pin_new
        )
        changes.append(change)
    listed = {each.staff_id: (each.name, each.role) for each in event.staff}
    for staff_id, (name, role) in site.staff.items():
        if staff_id not in listed:
            changes.append(StaffChange(staff_id=staff_id, name=name, role=None, was_role=role))
    for first in range(0, len(changes), MAX_CHANGES):
        decision.journal(site, now, StaffChanged(changes=tuple(changes[first : first + MAX_CHANGES])))
    site.staff = listed
