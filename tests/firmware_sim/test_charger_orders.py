"""What the central system asks of the charger model."""

from __future__ import annotations

import pytest

from firmware_sim.charger import Charger
from firmware_sim.messages import (
    Answered,
    AvailabilityChanged,
    BootMessage,
    ConnectorState,
    HeartbeatMessage,
    IdleMeterMessage,
    Plugged,
    Reboot,
    RemoteStart,
    RemoteStop,
    ResetRequested,
    StatusMessage,
    StopReason,
    TokenAnswer,
    Trigger,
    Triggered,
    UnlockRequested,
    Unplugged,
)
from tests.firmware_sim.playbook import (
    CARD,
    OTHER_CARD,
    T0,
    at,
    car,
    charging,
    messages,
    online,
    replies,
    spec,
    steps,
)


def test_remote_start_and_stop() -> None:
    charger = Charger(spec(), T0)
    online(charger)
    charger.handle(Plugged(evse_id=2, vehicle=car()), at(1))
    told = charger.handle(RemoteStart(id_token=CARD, remote_start_id=5), at(2))
    assert replies(told) == ["Accepted"]
    started = steps(told)[0]
    assert (started.evse_id, started.trigger, started.remote_start_id) == (2, Trigger.REMOTE_START, 5)
    charger.handle(Answered(message=started, answer=TokenAnswer(status="Accepted", csms_id=77)), at(3))
    assert replies(charger.handle(RemoteStop(transaction=78), at(4))) == ["Rejected"]
    stopped = charger.handle(RemoteStop(transaction=77), at(5))
    assert replies(stopped) == ["Accepted"]
    assert steps(stopped)[-1].reason is StopReason.REMOTE


def test_remote_start_waits_for_the_cable() -> None:
    charger = Charger(spec(), T0)
    online(charger)
    assert replies(charger.handle(RemoteStart(id_token=CARD, evse_id=1), at(2))) == ["Accepted"]
    assert replies(charger.handle(RemoteStart(id_token=OTHER_CARD, evse_id=1), at(3))) == ["Rejected"]
    started = steps(charger.handle(Plugged(evse_id=1, vehicle=car()), at(30)))[0]
    assert (started.trigger, started.id_token) == (Trigger.REMOTE_START, CARD)


def test_availability_waits_for_a_running_session() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    assert replies(charger.handle(AvailabilityChanged(evse_id=0, operative=False), at(30))) == ["Scheduled"]
    assert charger.evses[1].state is ConnectorState.CHARGING
    assert charger.evses[2].state is ConnectorState.UNAVAILABLE
    charger.handle(Unplugged(evse_id=1), at(40))
    assert charger.evses[1].state is ConnectorState.UNAVAILABLE
    assert replies(charger.handle(AvailabilityChanged(evse_id=1, operative=True), at(50))) == ["Accepted"]
    assert charger.evses[1].state is ConnectorState.AVAILABLE
    assert replies(charger.handle(AvailabilityChanged(evse_id=9, operative=True), at(50))) == ["Rejected"]


def test_reset_ends_sessions_and_reboots() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    told = charger.handle(ResetRequested(hard=False), at(30))
    assert replies(told) == ["Accepted"]
    assert steps(told)[-1].reason is StopReason.SOFT_RESET
    assert Reboot(hard=False) in told


def test_reset_when_idle_waits() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    told = charger.handle(ResetRequested(hard=False, when_idle=True), at(30))
    assert replies(told) == ["Scheduled"]
    assert Reboot(hard=False) not in told
    assert Reboot(hard=False) in charger.handle(Unplugged(evse_id=1), at(40))


def test_unlock_ends_the_session_first() -> None:
    charger = Charger(spec(), T0)
    charging(charger)
    told = charger.handle(UnlockRequested(evse_id=1), at(30))
    assert (replies(told), steps(told)[-1].reason) == (["Unlocked"], StopReason.UNLOCK_COMMAND)
    assert replies(charger.handle(UnlockRequested(evse_id=9), at(31))) == ["UnknownConnector"]


@pytest.mark.parametrize(
    ("what", "kinds"),
    [
        ("BootNotification", [BootMessage]),
        ("Heartbeat", [HeartbeatMessage]),
        ("StatusNotification", [StatusMessage] * 3),
        ("MeterValues", [IdleMeterMessage] * 2),
        ("TransactionEvent", []),
    ],
)
def test_trigger_message(what: str, kinds: list[type]) -> None:
    charger = Charger(spec(), T0)
    online(charger)
    told = charger.handle(Triggered(what=what), at(5))
    assert replies(told) == ["Accepted"]
    assert [type(each) for each in messages(told)] == kinds


def test_trigger_message_of_the_unknown() -> None:
    charger = Charger(spec(), T0)
    online(charger)
    assert replies(charger.handle(Triggered(what="CustomTrigger"), at(5))) == ["NotImplemented"]
    assert replies(charger.handle(Triggered(what="Heartbeat", evse_id=9), at(5))) == ["Rejected"]
