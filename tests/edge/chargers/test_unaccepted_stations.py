"""OCPP 2.0.1 B02.FR.09, B03.FR.07: a station that is pending or rejected is refused what nobody asked it for.

And what OCPP 2.1 adds to the frames: what is told once and what complains of an answer are never answered.
"""

from __future__ import annotations

from typing import Any, Literal

import pytest

from edge.domain.events import SiteEvent, SiteReply
from protocols.charger.commands import Acknowledged, BootAnswer, TransactionAnswer
from protocols.charger.events import BootReported, TransactionBegan
from protocols.ocpp.version import Version
from tests.edge.chargers.scripted import NOW, ScriptedInbox
from tests.edge.chargers.test_conversation import ask, conversation

BOOT = {"chargingStation": {"model": "M", "vendorName": "V"}, "reason": "PowerUp"}
BOOT_16 = {"chargePointModel": "M", "chargePointVendor": "V"}
FREE = {"timestamp": "2026-03-02T06:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
STARTED = {
    "eventType": "Started",
    "timestamp": "2026-03-02T06:00:00Z",
    "triggerReason": "CablePluggedIn",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "T1"},
}
Word = Literal["Accepted", "Pending", "Rejected"]


def saying(word: Word) -> ScriptedInbox:
    def reply(event: SiteEvent) -> SiteReply:
        match event:
            case BootReported():
                return BootAnswer(at=NOW, heartbeat_interval_s=60, status=word)
            case TransactionBegan():
                return TransactionAnswer(charger_transaction_id="T1")
            case _:
                return Acknowledged()

    inbox = ScriptedInbox()
    inbox.answer = reply
    return inbox


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
@pytest.mark.parametrize("word", ["Pending", "Rejected"])
async def test_only_its_boot_its_reports_and_its_transactions_are_heard(version: Version, word: Word) -> None:
    inbox = saying(word)
    talk = conversation(version, inbox)
    assert (await ask(talk, 2, "1", "BootNotification", BOOT))[2]["status"] == word
    refused = await ask(talk, 2, "2", "StatusNotification", FREE)
    assert refused[:3] == [4, "2", "SecurityError"]
    assert (await ask(talk, 2, "3", "Heartbeat", {}))[2] == "SecurityError"
    assert (await ask(talk, 2, "4", "TransactionEvent", STARTED))[0] == 3
    report = {"requestId": 1, "generatedAt": "2026-03-02T06:00:00Z", "seqNo": 0}
    assert (await ask(talk, 2, "5", "NotifyReport", report))[0] == 3
    assert (await ask(talk, 2, "6", "Reset", {}))[2] == "NotSupported"
    assert "StatusReported" not in inbox.kinds()


async def test_what_it_is_asked_for_it_may_say_and_everything_once_it_is_accepted() -> None:
    inbox = saying("Pending")
    talk = conversation(Version.V201, inbox)
    await ask(talk, 2, "1", "BootNotification", BOOT)
    talk.expect("GetVariables", {})
    talk.expect("TriggerMessage", {"requestedMessage": "StatusNotification"})
    assert (await ask(talk, 2, "2", "StatusNotification", FREE))[0] == 3
    talk.expect("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
    assert (await ask(talk, 2, "3", "Heartbeat", {}))[2] == "SecurityError"
    inbox.answer = saying("Accepted").answer
    await ask(talk, 2, "4", "BootNotification", BOOT)
    assert (await ask(talk, 2, "5", "Heartbeat", {}))[0] == 3


async def test_1_6_knows_no_such_error() -> None:
    talk = conversation(Version.V16, saying("Rejected"))
    assert (await ask(talk, 2, "1", "BootNotification", BOOT_16))[2]["status"] == "Rejected"
    assert (await ask(talk, 2, "2", "Heartbeat", {}))[0] == 3


@pytest.mark.parametrize(
    "frame",
    [
        [6, "1", "NotifyPeriodicEventStream", {"id": 1, "pending": 0, "basetime": "2026-03-02T06:00:00Z", "data": []}],
        [6],
        [5, "1", "FormatViolation", "your answer", {}],
        [5],
    ],
    ids=str,
)
async def test_nothing_is_said_to_what_2_1_never_has_answered(frame: list[Any]) -> None:
    talk = conversation(Version.V21, saying("Accepted"))
    assert await ask(talk, *frame) is None
    old = conversation(Version.V201, saying("Accepted"))
    assert (await ask(old, *frame))[2] == "MessageTypeNotSupported"
