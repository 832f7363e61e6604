"""All news at once leave an EVSE as they would have one by one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.evse_board import EvseBoard
from cloud.ingest.evse_state import EvseNews, LinkNews, StatusNews, TransactionNews
from protocols.sync.topics import EdgeAddress
from protocols.terms import ChargingState, ConnectorStatus
from tests.cloud.samples import minute

STATIONS = st.sampled_from(("A", "B"))
TIMES = st.integers(0, 6).map(lambda minutes: minute(0) + timedelta(minutes=minutes))
NEWS = st.one_of(
    st.builds(
        StatusNews,
        station_id=STATIONS,
        evse_id=st.integers(0, 2),
        at=TIMES,
        status=st.sampled_from(ConnectorStatus),
        charging_state=st.none() | st.sampled_from(ChargingState),
        error_code=st.none() | st.just("e"),
    ),
    st.builds(
        TransactionNews,
        station_id=STATIONS,
        evse_id=st.integers(1, 2),
        at=TIMES,
        transaction_id=st.none() | st.sampled_from(("t", "u")),
    ),
    st.builds(
        LinkNews, station_id=STATIONS, at=TIMES, is_online=st.booleans(), ocpp_version=st.none() | st.just("1.6")
    ),
)


def board_after(before: list[EvseNews], news: list[EvseNews], *, is_at_once: bool) -> Any:
    board = EvseBoard(EdgeAddress(0, "e"), "L")
    for each in before:
        board.hear(each)
    if is_at_once:
        board.hear_all(news)
    else:
        for each in news:
            board.hear(each)
    return board._rows, board._stations


def time_of(news: EvseNews) -> datetime:
    return news.at


@given(st.lists(NEWS, max_size=3), st.lists(NEWS, max_size=10), st.booleans())
def test_all_at_once_is_as_one_by_one(before: list[EvseNews], news: list[EvseNews], is_sorted: bool) -> None:
    news = sorted(news, key=time_of) if is_sorted else news
    assert board_after(before, news, is_at_once=True) == board_after(before, news, is_at_once=False)
