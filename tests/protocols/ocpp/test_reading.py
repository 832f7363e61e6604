"""The small parts of the tolerant reader."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import BadPayload
from protocols.ocpp.reading import MAX_INT, read_evse_id, read_int, read_stamp, read_text, write_stamp

SIX = datetime(2026, 3, 2, 6, tzinfo=UTC)
anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T06:00:00Z",
        "2026-03-02T06:00:00",
        "2026-03-02 06:00:00",
        "2026-03-02T06:00:00.0000000Z",
        "2026-03-02t06:00:00z",
        " 2026-03-02T06:00:00Z ",
        "2026-03-02T07:00:00+01:00",
        "2026-03-02T06:00Z",
        "20260302T060000Z",
    ],
)
def test_times_as_stations_write_them(text: str) -> None:
    assert read_stamp(text) == SIX
    assert read_stamp(text).tzinfo is UTC  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text", ["", "0", "2026", "2026-03-02", "2026-13-02T06:00:00Z", "0001-01-01T00:00:00+14:00", "soon, very soon", 17]
)
def test_times_that_are_none(text: object) -> None:
    assert read_stamp(text) is None


@given(anything)
def test_no_value_is_more_than_unreadable(value: Any) -> None:
    assert read_stamp(value) is None or read_stamp(value).tzinfo is UTC  # type: ignore[union-attr]
    text = read_text(value)
    assert text is None or (text.isprintable() and text == text.strip() != "")
    number = read_int(value)
    assert number is None or (-MAX_INT <= number <= MAX_INT and number == value)


@given(st.timedeltas(timedelta(days=-30_000), timedelta(days=30_000)), st.integers(-12, 14))
def test_a_written_time_is_read_to_the_millisecond(distance: timedelta, offset_h: int) -> None:
    at = (SIX + distance).astimezone(timezone(timedelta(hours=offset_h)))
    text = write_stamp(at)
    assert text == at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    stamp = read_stamp(text)
    assert stamp is not None
    assert timedelta(0) <= at - stamp < timedelta(milliseconds=1)


@pytest.mark.parametrize("number", [-1, 0, 1000, 1e308, 1.5, True, "1", None])
def test_an_evse_id_out_of_range_is_refused(number: object) -> None:
    with pytest.raises(BadPayload, match="connectorId"):
        read_evse_id(number, name="connectorId")


def test_an_evse_id_may_be_written_as_a_float() -> None:
    assert read_evse_id(2.0, name="evse/id") == 2
    assert read_evse_id(0, name="evseId", lowest=0) == 0
