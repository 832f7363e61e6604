"""An offer is read as it was made, and nothing else is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from edge.domain.offers import Offer, Offers

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
OFFERS = Offers(public_url="https://files.example/x", key=b"k" * 32, good_for=timedelta(hours=1))
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=48)


def path_of(url: str) -> str:
    return url.removeprefix("https://files.example/x")


@given(NAMES, NAMES, NAMES, st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_what_was_offered_is_read(job: str, station: str, file: str, name: str) -> None:
    url = OFFERS.url("get", job, station, file, NOW, name)
    assert url.isascii()
    expected = Offer(way="get", job_id=job, station_id=station, file_id=file, expires_at=NOW + timedelta(hours=1))
    assert OFFERS.read(path_of(url)) == expected
    assert OFFERS.read(path_of(url) + "/whatever/a/station/adds?x=1") == expected


@given(st.data())
def test_an_altered_address_is_none(data: st.DataObject) -> None:
    path = path_of(OFFERS.url("put", "edge-1-12", "CP01", "log", NOW))
    at = data.draw(st.integers(1, len(path) - 2))
    altered = path[:at] + data.draw(st.characters(codec="ascii")) + path[at + 1 :]
    assume(altered != path)
    offer = OFFERS.read(altered)
    assert offer is None or offer == OFFERS.read(path)  # %41 is A


def test_parts_cannot_change_places() -> None:
    one, other = (path_of(OFFERS.url("get", job, station, "f", NOW)) for job, station in (("ab", "c"), ("a", "bc")))
    assert one.split("/")[3] != other.split("/")[3]


def test_another_agents_offer_is_none_of_ours() -> None:
    other = Offers(public_url=OFFERS.public_url, key=b"x" * 32, good_for=OFFERS.good_for)
    assert OFFERS.read(path_of(other.url("get", "j", "s", "f", NOW))) is None


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    assert OFFERS.read(text) is None
    assert OFFERS.read("/" + "/".join([text] * 7)) is None
