"""What the display knows after each report."""

from __future__ import annotations

from datetime import timedelta

from protocols.site.view import Patch
from protocols.terms import EvseState
from tests.ui.bigscreen.fake_edge import AT, evse, site, totals
from ui.bigscreen.sight import Heard, Lost, Sight, Trouble, Warned, patched, told


def test_a_patch_replaces_tiles_in_their_places_and_adds_new_ones() -> None:
    changed, new = evse(2, EvseState.OFFLINE), evse(9)
    after = patched(site(3), Patch(totals=totals(power_w=7), evses=(new, changed)))
    assert after.evses == (evse(1), changed, evse(3), new)
    assert after.totals.power_w == 7


def test_a_patch_after_a_loss_does_not_make_an_old_picture_fresh() -> None:
    lost = told(Sight(site=site(3), is_fresh=True), Lost(trouble=Trouble.SILENT), AT)
    assert told(lost, Heard(message=Patch(totals=totals())), AT) == lost
    assert told(Sight(), Heard(message=Patch(totals=totals())), AT) == Sight()


def test_a_snapshot_makes_fresh_and_forgets_the_trouble() -> None:
    lost = told(Sight(), Lost(trouble=Trouble.UNREACHABLE, detail="x"), AT)
    assert told(lost, Heard(message=site(3)), AT) == Sight(site=site(3), is_fresh=True)


def test_lost_since_is_the_first_loss_and_the_trouble_is_the_last() -> None:
    sight = told(Sight(site=site(3), is_fresh=True), Lost(trouble=Trouble.CLOSED), AT)
    sight = told(sight, Lost(trouble=Trouble.UNREACHABLE), AT + timedelta(seconds=9))
    assert (sight.lost_at, sight.trouble, sight.is_fresh) == (AT, Trouble.UNREACHABLE, False)


def test_a_warning_leaves_the_picture_as_it_is() -> None:
    sight = told(Sight(site=site(3), is_fresh=True), Warned(detail="x"), AT)
    assert sight.is_fresh
    assert sight.warning == "x"
