"""A station that took a higher security profile, and came with it, is let in with no lower one: until staff say so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from edge.chargers import profile_change
from edge.chargers.attempts import Attempts
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.client_certificate import NOTHING, Proof
from edge.chargers.credentials import Credentials, Policy, hash_password
from edge.chargers.handshake import Admitted, Gate
from edge.chargers.profile_change import MAX_SLOTS, ProfileChange
from edge.domain.events import Done, Refused, SecurityProfileChanged
from protocols.errors import BadText
from tests.edge.chargers.scripted import ScriptedInbox, basic
from tests.kit import wait_until

PASSWORD = "0123456789abcdef"
TLS = Proof(is_tls=True)
CERTIFICATE = Proof(is_tls=True, common_name="CS-1", serial_number="0A")
PROOFS = {1: NOTHING, 2: TLS, 3: CERTIFICATE}
PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}


class Site:
    """A gate, and who hears of profiles; `enters` says with which of them the station comes in."""

    def __init__(self, configured: int = 1) -> None:
        hashes = {"CS-1": hash_password(PASSWORD), "CS-2": hash_password(PASSWORD)}
        self.credentials = Credentials(hashes, {"CS-1": Policy(security_profile=configured)})
        self.inbox = ScriptedInbox()
        self.inbox.answer = lambda _event: Done(text="")
        self.change = ProfileChange(self.credentials, self.inbox)
        metrics = ChargerMetrics(CollectorRegistry())
        self.gate = Gate(self.credentials, Attempts(), metrics, lambda: 0.0, allow_unknown=False)

    def comes(self, profile: int, station_id: str = "CS-1", subprotocol: str = "ocpp1.6") -> bool:
        password = basic(station_id, PASSWORD)["Authorization"]
        outcome = self.gate.admit(f"192.0.2.{profile}", f"/{station_id}", password, [subprotocol], PROOFS[profile])
        return isinstance(outcome, Admitted)

    def enters(self) -> list[int]:
        return [profile for profile in PROOFS if self.comes(profile)]

    def takes(self, profile: Any, status: str = "Accepted") -> None:
        payload = {"key": "SecurityProfile", "value": str(profile)}
        self.change.heard("CS-1", "ChangeConfiguration", payload, {"status": status})

    def writes(self, slot: int, profile: int, status: str = "Accepted") -> None:
        payload = {"configurationSlot": slot, "connectionData": {"securityProfile": profile}}
        self.change.heard("CS-1", "SetNetworkProfile", payload, {"status": status})

    def chooses(self, slots: str, status: str = "Accepted") -> None:
        payload = {"setVariableData": [{**PRIORITY, "attributeValue": slots}]}
        answer = {"setVariableResult": [{**PRIORITY, "attributeStatus": status}]}
        self.change.heard("CS-1", "SetVariables", payload, answer)

    def told(self) -> list[tuple[str, int, int]]:
        changes = self.inbox.of(SecurityProfileChanged)
        return [(event.stage, event.security_profile, event.instead_of) for event in changes]


def test_what_a_station_took_counts_once_it_has_come_so() -> None:
    site = Site()
    site.takes(2)
    assert site.comes(1), "it has not come with the new one yet"
    assert site.told() == [("offered", 2, 1)]
    assert site.comes(2)
    assert site.told() == [("offered", 2, 1), ("adopted", 2, 1)]
    assert site.enters() == [2, 3]
    site.takes(3)
    assert site.enters() == [2, 3], "a certificate came last of these"
    assert site.enters() == [3]
    assert site.told()[2:] == [("offered", 3, 1), ("adopted", 3, 1)]


@pytest.mark.parametrize(("value", "status"), [(2, "Rejected"), (0, "Accepted"), (4, "Accepted"), ("x", "Accepted")])
def test_what_it_did_not_take_changes_nothing(value: Any, status: str) -> None:
    site = Site()
    site.takes(value, status)
    site.comes(3)
    assert site.enters() == [1, 2, 3]
    assert site.told() == []


def test_nothing_that_a_station_is_told_lowers_it() -> None:
    site = Site(configured=2)
    site.takes(1)
    assert site.enters() == [2, 3]
    site.takes(3)
    site.comes(3)
    for lower in (1, 2):
        site.takes(lower)
    assert site.enters() == [3]


def test_a_lower_one_takes_back_what_it_has_not_come_with() -> None:
    site = Site(configured=2)
    site.takes(3)
    site.takes(2)
    site.comes(3)
    assert site.enters() == [2, 3]


@pytest.mark.parametrize(("slots", "profiles"), [("1,0", [3]), ("0,1", [3]), ("2,1", [2, 3]), ("7", [1, 2, 3])])
def test_the_first_slot_that_is_known_counts(slots: str, profiles: list[int]) -> None:
    site = Site()
    site.writes(1, 3)
    site.writes(2, 2)
    assert site.told() == [], "a slot that is written is not in force"
    site.chooses(slots, "RebootRequired")
    site.comes(3)
    assert site.enters() == profiles


def test_a_slot_that_was_refused_is_not_known() -> None:
    site = Site()
    site.writes(1, 3, "Rejected")
    site.chooses("1")
    site.writes(1, 3)
    site.chooses("1", "Rejected")
    site.comes(3)
    assert site.enters() == [1, 2, 3]


def test_slots_are_bounded() -> None:
    site = Site()
    for slot in range(10 * MAX_SLOTS):
        site.writes(slot, 2)
    assert len(site.change._slots["CS-1"]) == MAX_SLOTS
    site.chooses(str(10 * MAX_SLOTS - 1))
    assert site.told() == [("offered", 2, 1)]


def test_who_is_turned_away_has_not_come() -> None:
    site = Site()
    site.takes(3)
    assert not site.comes(3, subprotocol="ocpp0.1")
    other = Proof(is_tls=True, common_name="CS-2", serial_number="0A")
    site.gate.admit("192.0.2.9", "/CS-1", basic("CS-1", PASSWORD)["Authorization"], ["ocpp1.6"], other)
    assert site.comes(1)


def test_a_stranger_is_not_heard() -> None:
    site = Site()
    site.change.heard("X", "ChangeConfiguration", {"key": "SecurityProfile", "value": "2"}, {"status": "Accepted"})
    assert site.told() == []


async def test_staff_can_open_it_again() -> None:
    site = Site()
    site.takes(2)
    site.comes(2)
    site.takes(3)
    assert "profile 1" in await site.change.forget("CS-1")
    assert site.told()[-1] == ("forgotten", 1, 1)
    assert site.enters() == [1, 2, 3], "and what was offered is forgotten, too"
    site.inbox.answer = lambda _event: Refused(reason="no")
    with pytest.raises(BadText):
        await site.change.forget("CS-1")
    site.inbox.is_full = lambda _event: True
    with pytest.raises(BadText, match="too busy"):
        await site.change.forget("CS-1")
    with pytest.raises(BadText, match="not configured"):
        await site.change.forget("X")


async def test_a_busy_site_hears_of_it_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_change, "RETRY_S", 0.001)
    site = Site()
    site.inbox.is_full = lambda _event: True
    site.takes(2)
    await wait_until(lambda: len(site.inbox.events) > 2)
    site.inbox.is_full = lambda _event: False
    kept: list[SecurityProfileChanged] = []
    site.inbox.answer = lambda event: kept.append(event) or Done(text="")  # type: ignore[func-returns-value, arg-type]
    await wait_until(lambda: kept)
    assert [(event.stage, event.security_profile) for event in kept] == [("offered", 2)]


def test_what_was_raised_comes_back_after_a_restart() -> None:
    site = Site()
    site.credentials.restore_profile("CS-1", 2, 3, 1)
    site.credentials.restore_profile("X", 2, None, 1)
    assert site.enters() == [2, 3]
    assert site.enters() == [3]
    assert site.credentials.configured_profile("CS-1") == 1


@pytest.mark.parametrize("configured", [2, 3])
def test_the_configuration_has_the_last_word(configured: int) -> None:
    site = Site(configured=configured)
    site.credentials.restore_profile("CS-1", 3, 3, 1)
    site.comes(3)
    assert site.enters() == list(range(configured, 4))


@given(st.lists(st.tuples(st.sampled_from(["takes", "comes"]), st.sampled_from([1, 2, 3])), max_size=12))
def test_it_never_falls_by_itself(steps: list[tuple[str, int]]) -> None:
    site, least = Site(), 1
    for step, profile in steps:
        getattr(site, step)(profile)
        now = site.credentials.policy_of("CS-1").security_profile
        assert now >= least
        least = now
