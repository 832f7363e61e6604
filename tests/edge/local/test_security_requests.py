"""What staff ask about alarms, certificates and passwords."""

from __future__ import annotations

from edge.domain.events import AlarmDismissed, RevocationOrdered
from edge.local.requests import Desk
from protocols.errors import BadText
from protocols.site.requests import ChangePassword, DismissAlarm, ForgetSecurityProfile, RevokeCertificate
from tests.edge.local.parts import NOW, FakeChargers, FakeCommands, FakeInbox, FakeReports, FakeWindow


class FakePasswords:
    """Knows one station."""

    async def change(self, station_id: str) -> str:
        if station_id != "S1":
            raise BadText(f"station {station_id} is not connected")
        return f"{station_id} has a new password"


class FakeProfiles:
    """Knows one station."""

    async def forget(self, station_id: str) -> str:
        if station_id != "S1":
            raise BadText(f"station {station_id} is not configured")
        return f"{station_id} may come with security profile 1 again"


def desk_of(inbox: FakeInbox, passwords: FakePasswords | None = None, profiles: FakeProfiles | None = None) -> Desk:
    commands, reports = FakeCommands(), FakeReports()
    return Desk(FakeWindow(), FakeChargers(), inbox, commands, lambda: NOW, reports, None, passwords, profiles)


async def test_alarms_and_certificates_are_the_sites_to_decide_upon() -> None:
    inbox = FakeInbox()
    desk = desk_of(inbox)
    assert (await desk.answer(DismissAlarm(id="1", alarm_id="a:b"))).result == "done"
    assert (await desk.answer(RevokeCertificate(id="2", station_id="S1", serial_number="0A"))).result == "done"
    assert inbox.events == [AlarmDismissed(alarm_id="a:b"), RevocationOrdered(station_id="S1", serial_number="0A")]


async def test_a_password_is_changed_or_it_is_said_why_not() -> None:
    desk = desk_of(FakeInbox(), FakePasswords())
    assert (await desk.answer(ChangePassword(id="1", station_id="S1"))).result == "S1 has a new password"
    assert (await desk.answer(ChangePassword(id="2", station_id="S2"))).problem == "station S2 is not connected"


async def test_on_a_node_no_agent_changes_a_password_alone() -> None:
    """The others would not know it, and the station may come to any of them."""
    answer = await desk_of(FakeInbox()).answer(ChangePassword(id="1", station_id="S1"))
    assert "[[peers]]" in (answer.problem or "")


async def test_a_security_profile_is_forgotten_or_it_is_said_why_not() -> None:
    desk = desk_of(FakeInbox(), profiles=FakeProfiles())
    assert "profile 1" in (await desk.answer(ForgetSecurityProfile(id="1", station_id="S1"))).result
    answer = await desk.answer(ForgetSecurityProfile(id="2", station_id="S2"))
    assert answer.problem == "station S2 is not configured"
    answer = await desk_of(FakeInbox()).answer(ForgetSecurityProfile(id="1", station_id="S1"))
    assert "[[peers]]" in (answer.problem or "")
