"""Invariants of mending: what comes out is valid, what was right stays as it was, and no input does more than that."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import BadPayload
from protocols.ocpp.dialect import Immediate
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.salvage import MAX_DEVIATIONS, Unusable, mend
from protocols.ocpp.schema import Direction, _request_schema, decode, known_actions, rescue, validate
from protocols.ocpp.version import Version
from tests.protocols.ocpp.golden import Golden, goldens
from tests.protocols.ocpp.test_translation import leaves, mutated

junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=60)
    | st.sampled_from(["", "0", "1.0", "-1", "true", "NoError", "Available", "Wh", " ", "\0" * 40, "X" * 600]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)
ACTIONS = [(version, action) for version, dialect in DIALECTS.items() for action in dialect.requests]


def fits(version: Version, action: str, payload: Any) -> bool:
    """Valid, but for lists of readings in which nothing is left."""
    try:
        validate(version, action, Direction.REQUEST, payload)
    except BadPayload as bad:
        return all("[] has less than" in part or "has less than" in part for part in bad.description.split("; "))
    return True


def check(version: Version, action: str, payload: Any) -> None:
    raw = json.dumps(payload).encode()  # orjson writes no integer of more than 64 bits, and a station may
    with contextlib.suppress(BadPayload):
        decode(version, action, raw)
        return
    found = rescue(version, action, raw)
    if found is None:
        return
    mended, deviations = found
    assert fits(version, action, msgspec.to_builtins(mended))
    assert 0 < len(deviations) <= MAX_DEVIATIONS
    assert all(each.path.isprintable() for each in deviations)
    handling = DIALECTS[version].requests[action]
    with contextlib.suppress(BadPayload):
        if not isinstance(handling, Immediate):
            assert handling.read("CS-1", mended) is not None


@settings(max_examples=600, deadline=None)
@given(st.data(), st.sampled_from(goldens("event")))
def test_a_frame_with_a_few_things_wrong_is_mended_or_refused(data: st.DataObject, golden: Golden) -> None:
    _, _, action, payload = golden.document["in"]
    for _ in range(data.draw(st.integers(1, 4))):
        paths = leaves(payload)
        if paths:
            payload = mutated(payload, data.draw(st.sampled_from(paths)), data.draw(junk))
    check(golden.version, action, payload)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ACTIONS), junk)
def test_nonsense_is_mended_or_refused(which: tuple[Version, str], payload: Any) -> None:
    check(*which, payload)


@pytest.mark.parametrize("golden", goldens("event"), ids=str)
def test_what_is_right_stays_as_it_is(golden: Golden) -> None:
    _, _, action, payload = golden.document["in"]
    assert mend(action, _request_schema(golden.version, action), payload) == (payload, ())


@pytest.mark.parametrize("version", Version)
def test_every_schema_of_the_standard_is_walked(version: Version) -> None:
    """No schema nests without end, and each is refused or mended without a fault when nothing is there."""
    for action in known_actions(version):
        found = mend(action, _request_schema(version, action), {})
        assert isinstance(found, Unusable) or isinstance(found[0], dict)
        assert isinstance(mend(action, _request_schema(version, action), None), Unusable)
