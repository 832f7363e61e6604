"""What a new agent on the same ledger knows of the staff: wrong PINs, and who was on the list when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from edge.domain.staff_events import Listed, PinAccepted, PinRefused, StaffListed
from edge.ledger.staff_tables import staff_changes, wrong_pins
from protocols.sync.staff import SignInRefused, SignInRegained, StaffChange, StaffChanged
from protocols.sync.up import AlarmRaised
from tests.edge.ledger.test_payment_tables import KeptPlay

ANNA = Listed(staff_id="anna", name="Anna", role="cashier")
BEN = Listed(staff_id="ben", name="Ben", role="supervisor")


@pytest.fixture
def play(tmp_path: Path) -> Iterator[KeptPlay]:
    made = KeptPlay(tmp_path / "ledger.sqlite")
    yield made
    made.ledger.close()


def test_a_restart_forgets_no_wrong_pin(play: KeptPlay) -> None:
    for wrong, wait_s in ((1, 0), (2, 0), (3, 5), (4, 10), (5, 20)):
        play.tell(PinRefused(staff_id="anna", wrong=wrong, wait_s=wait_s))
    play.tell(PinRefused(staff_id=None, wrong=9, wait_s=320))
    play.kill()
    soon = play.now + timedelta(seconds=5)
    assert wrong_pins(play.ledger.connection, soon) == {"anna": (5, 15.0)}
    assert wrong_pins(play.ledger.connection, play.now - timedelta(days=1)) == {"anna": (5, 20.0)}
    assert wrong_pins(play.ledger.connection, play.now + timedelta(days=1)) == {"anna": (5, 0.0)}
    assert [raised.alarm_id for raised in play.found(AlarmRaised)] == ["pin_guessing:anna", "pin_guessing:nobody"]
    assert len(play.found(SignInRefused)) == 6
    play.tell(PinAccepted(staff_id="anna", wrong=5))
    assert play.found(SignInRegained) == [SignInRegained(staff_id="anna", wrong=5)]
    assert wrong_pins(play.ledger.connection, soon) == {}


def test_every_change_of_the_list_is_kept(play: KeptPlay) -> None:
    play.tell(StaffListed(staff=(ANNA, BEN)))
    play.tell(StaffListed(staff=(ANNA, BEN)))
    play.kill()
    play.tell(StaffListed(staff=(ANNA, BEN)))
    assert len(play.found(StaffChanged)) == 1
    play.tell(StaffListed(staff=(Listed(staff_id="anna", name="Anna", role="supervisor", is_pin_new=True),)))
    (_, change) = play.found(StaffChanged)
    assert change.changes == (
        StaffChange(staff_id="anna", name="Anna", role="supervisor", was_role="cashier", is_pin_new=True),
        StaffChange(staff_id="ben", name="Ben", role=None, was_role="supervisor"),
    )
    play.kill()
    assert play.site.staff == {"anna": ("Anna", "supervisor")}
    told = [(row.staff_id, row.was_role, row.role) for row in staff_changes(play.ledger.connection, 10)]
    assert told == [
        ("ben", "supervisor", None),
        ("anna", "cashier", "supervisor"),
        ("ben", None, "supervisor"),
        ("anna", None, "cashier"),
    ]
    play.tell(StaffListed(staff=()))
    play.kill()
    assert play.site.staff == {}


def test_a_long_list_comes_in_several_entries(play: KeptPlay) -> None:
    many = tuple(Listed(staff_id=f"s{number:03}", name="王" * 100, role="cashier") for number in range(450))
    play.tell(StaffListed(staff=many))
    assert [len(body.changes) for body in play.found(StaffChanged)] == [200, 200, 50]
    play.kill()
    assert len(play.site.staff) == 450
