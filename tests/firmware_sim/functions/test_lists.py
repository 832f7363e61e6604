"""The local list and the cache: taken, refused, and what they decide when nobody can be asked."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_sim.messages import (
    Answered,
    AuthorizeMessage,
    LinkLost,
    Plugged,
    Presented,
    TokenAnswer,
)
from firmware_sim.settings import OcppVersion
from tests.firmware_sim.desk import LiveDesk, timestamp
from tests.firmware_sim.playbook import CARD, OTHER_CARD, car

versions = pytest.mark.parametrize("version", list(OcppVersion))


def send(desk: LiveDesk, version: int, update: str, entries: dict[str, str | None], **info: Any) -> str:
    """SendLocalList in the version's own words: ids with a status, or None to remove one."""
    if desk.version is OcppVersion.V16:
        told: list[dict[str, Any]] = [
            {"idTag": each} | ({} if status is None else {"idTagInfo": {"status": status, **info}})
            for each, status in entries.items()
        ]
        answer = desk.request("SendLocalList", listVersion=version, updateType=update, localAuthorizationList=told)
    else:
        told = [
            {"idToken": {"idToken": each, "type": "ISO14443"}}
            | ({} if status is None else {"idTokenInfo": {"status": status}})
            for each, status in entries.items()
        ]
        payload = {"versionNumber": version, "updateType": update}
        answer = desk.request("SendLocalList", **payload | ({"localAuthorizationList": told} if told else {}))
    return str(answer["status"])


def version_of(desk: LiveDesk) -> int:
    answer = desk.request("GetLocalListVersion")
    return int(answer.get("listVersion", answer.get("versionNumber")))


@versions
def test_full_differential_and_mismatch(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    assert version_of(desk) == 0
    assert send(desk, 3, "Full", {CARD: "Accepted", OTHER_CARD: "Blocked"}) == "Accepted"
    assert version_of(desk) == 3
    assert send(desk, 3, "Differential", {CARD: None}) == "VersionMismatch"
    assert send(desk, 4, "Differential", {CARD: None}) == "Accepted"
    assert set(desk.charger.local_list.entries) == {OTHER_CARD.casefold()}
    assert send(desk, 2, "Full", {}) == "Accepted"  # a full list may begin anew
    assert version_of(desk) == 2
    assert desk.charger.local_list.entries == {}


@versions
def test_the_list_decides_offline(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    desk.charger.accepted.add(OTHER_CARD)
    send(desk, 1, "Full", {CARD: "Accepted", OTHER_CARD: "Blocked"})
    desk.happens(LinkLost())
    desk.happens(Plugged(evse_id=1, vehicle=car()))
    desk.happens(Plugged(evse_id=2, vehicle=car()))
    desk.happens(Presented(evse_id=1, id_token=CARD.lower()))
    desk.happens(Presented(evse_id=2, id_token=OTHER_CARD))
    assert desk.charger.evses[1].transaction_id is not None
    assert desk.charger.evses[2].transaction_id is None  # the list goes before the cache


def test_an_entry_that_is_over_does_not_let_anybody_charge() -> None:
    desk = LiveDesk(OcppVersion.V16)
    send(desk, 1, "Full", {CARD: "Accepted"}, expiryDate=timestamp(60))
    desk.happens(LinkLost())
    desk.at(61)
    desk.happens(Plugged(evse_id=1, vehicle=car()))
    desk.happens(Presented(evse_id=1, id_token=CARD))
    assert desk.charger.evses[1].transaction_id is None


def test_local_pre_authorize_asks_nobody() -> None:
    desk = LiveDesk(OcppVersion.V16)
    assert desk.request("ChangeConfiguration", key="LocalPreAuthorize", value="true") == {"status": "Accepted"}
    send(desk, 1, "Full", {CARD: "Accepted"})
    desk.happens(Plugged(evse_id=1, vehicle=car()))
    desk.happens(Presented(evse_id=1, id_token=CARD))
    assert desk.of(AuthorizeMessage) == []
    assert desk.charger.evses[1].transaction_id is not None


def test_a_list_that_is_switched_off() -> None:
    desk = LiveDesk(OcppVersion.V16)
    desk.request("ChangeConfiguration", key="LocalAuthListEnabled", value="false")
    assert send(desk, 1, "Full", {}) == "NotSupported"
    assert version_of(desk) == -1


@versions
def test_the_cache_is_cleared(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    desk.charger.accepted.add(CARD)
    assert desk.request("ClearCache") == {"status": "Accepted"}
    assert desk.charger.accepted == set()


@versions
def test_a_card_of_the_same_group_ends_a_transaction(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    desk.happens(Plugged(evse_id=1, vehicle=car()))
    for card, group in ((CARD, "FLEET"), (OTHER_CARD, "FLEET")):
        desk.happens(Presented(evse_id=1, id_token=card))
        asked = desk.of(AuthorizeMessage)[-1]
        assert asked.id_token == card
        desk.happens(Answered(message=asked, answer=TokenAnswer(status="Accepted", group=group)))
    assert desk.charger.evses[1].transaction_id is None
    assert desk.steps()[-1].id_token == OTHER_CARD
