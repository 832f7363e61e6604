"""Whatever a CSMS asks that is valid by the schemas, in any order and at any time: the answer is valid, and so is all
that follows from it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp.exceptions import OCPPError
from ocpp.messages import Call, _validate_payload

from firmware_sim.messages import (
    Answered,
    AuthorizeMessage,
    ConnectorFaulted,
    Event,
    FaultCleared,
    LinkLost,
    LinkUp,
    Plugged,
    Presented,
    TokenAnswer,
    Unplugged,
)
from firmware_sim.orders import Download, Downloaded, Upload, Uploaded
from firmware_sim.settings import OcppVersion
from protocols.ocpp.version import Version
from tests.firmware_sim.desk import MOUTHS, FakeDesk, LiveDesk
from tests.firmware_sim.playbook import car
from tests.fuzz.payloads import Lore, PayloadMaker, schema_of

VERSIONS = {OcppVersion.V16: Version.V16, OcppVersion.V201: Version.V201, OcppVersion.V21: Version.V21}


def happen(desk: LiveDesk, random: Random) -> None:
    """Something that is not the CSMS's doing."""
    evse_id, card = random.choice((1, 2)), random.choice(("GOOD", "OTHER"))
    events: list[Event] = [
        Plugged(evse_id=evse_id, vehicle=car()),
        Presented(evse_id=evse_id, id_token=card),
        Unplugged(evse_id=evse_id),
        ConnectorFaulted(evse_id=evse_id),
        FaultCleared(evse_id=evse_id),
        LinkLost(),
        LinkUp(),
    ]
    events += [
        Answered(message=each, answer=TokenAnswer(status="Accepted", group="FLEET1", csms_id=7))
        for each in desk.of(AuthorizeMessage)[-1:]
    ]
    events += [Downloaded(job=each, error=random.choice(("", "gone"))) for each in desk.of(Download)[-1:]]
    events += [Uploaded(job=each, error=random.choice(("", "BadMessage"))) for each in desk.of(Upload)[-1:]]
    desk.happens(random.choice(events))


def is_valid(version: OcppVersion, action: str, payload: dict[str, Any]) -> bool:
    try:
        _validate_payload(Call("1", action, payload), MOUTHS[version][1])
    except OCPPError:
        return False
    return True


@pytest.mark.parametrize("version", list(OcppVersion))
@settings(max_examples=10, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_any_request_at_any_time(version: OcppVersion, random: Random) -> None:
    desk = LiveDesk(version, has_iso15118=True)
    actions = sorted(MOUTHS[version][0].routes(FakeDesk(version)))
    passed_s = 0.0
    for _ in range(30):
        passed_s += random.choice((0, 0.5, 7, 60, 3_600))
        desk.at(passed_s)
        if random.random() < 0.4:
            happen(desk, random)
            continue
        lore = Lore(now=desk.now)
        lore.transaction_ids += [*list(desk.charger.transactions)[-2:], 7]
        action = random.choice(actions)
        payload = PayloadMaker(random, lore, schema_of(VERSIONS[version], action)).payload()
        if is_valid(version, action, payload):  # most are
            desk.request(action, **payload)
