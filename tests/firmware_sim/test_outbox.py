from __future__ import annotations

from dataclasses import replace

from firmware_sim.charger import Charger
from firmware_sim.messages import (
    AuthorizeMessage,
    BootMessage,
    BootReason,
    ConnectorState,
    HeartbeatMessage,
    Phase,
    Plugged,
    Presented,
    StatusMessage,
    TransactionMessage,
    Unplugged,
)
from firmware_sim.outbox import Outbox
from firmware_sim.settings import OfflineAuthorize
from tests.firmware_sim.playbook import CARD, T0, at, car, online, spec, steps

BOOT = BootMessage(reason=BootReason.POWER_UP)


def a_session() -> list[TransactionMessage]:
    charger = Charger(spec(offline_authorize=OfflineAuthorize.ANY), T0)
    online(charger)
    charger.connected = False
    charger.handle(Plugged(evse_id=1, vehicle=car()), at(1))
    told = steps(charger.handle(Presented(evse_id=1, id_token=CARD), at(2)))
    return told + steps(charger.advance(at(400))) + steps(charger.handle(Unplugged(evse_id=1), at(401)))


def drained(outbox: Outbox) -> list[object]:
    told: list[object] = []
    while (message := outbox.next(registered=True)) is not None:
        told.append(message)
        outbox.done(message)
    return told


def test_pressing_things_first_then_in_order() -> None:
    session = a_session()
    outbox = Outbox()
    for message in [*session, HeartbeatMessage(), AuthorizeMessage(evse_id=1, id_token=CARD)]:
        outbox.add(message)
    assert drained(outbox) == [AuthorizeMessage(evse_id=1, id_token=CARD), *session, HeartbeatMessage()]


def test_nothing_but_the_boot_before_it_was_accepted() -> None:
    outbox = Outbox(a_session())
    assert outbox.next(registered=False) is None
    outbox.add(BOOT)
    assert outbox.next(registered=False) is BOOT


def test_only_transactions_outlive_the_link() -> None:
    session = a_session()
    outbox = Outbox(session)
    outbox.add(HeartbeatMessage())
    outbox.add(AuthorizeMessage(evse_id=1, id_token=CARD))
    outbox.drop_transient()
    assert drained(outbox) == session


def test_what_waits_about_an_evse_is_its_oldest_message() -> None:
    session = a_session()
    outbox = Outbox(session)
    outbox.add(StatusMessage(evse_id=1, state=ConnectorState.AVAILABLE, previous=None, at=at(500)))
    outbox.add(StatusMessage(evse_id=2, state=ConnectorState.AVAILABLE, previous=None, at=at(500)))
    outbox.add(HeartbeatMessage())
    assert outbox.about_evses[1] is session[0]
    assert outbox.about_evses[2].at == at(500)
    drained(outbox)
    assert outbox.about_evses == {}


def test_equal_messages_are_not_the_same_message() -> None:
    session = a_session()
    outbox = Outbox([session[0]])
    outbox.done(replace(session[0]))
    assert len(outbox) == 1


def test_when_full_the_oldest_samples_go_never_a_start_or_an_end() -> None:
    session = a_session()
    outbox = Outbox(limit=4)
    for message in session:
        outbox.add(message)
    kept = outbox.durable
    assert len(kept) == 4
    assert (kept[0].phase, kept[-1].phase) == (Phase.STARTED, Phase.ENDED)
    assert kept[1:] == tuple(session[-3:])
