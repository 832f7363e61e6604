"""The codes on connectors: ours, a sticker over it, or one that was moved."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from edge.payments.qr_codes import CodeReader, ConnectorCode, code_url, ensure_key, label_svg, public_key, read_code
from protocols.errors import BadText
from protocols.terms import EvseRef

PAGE = "https://pay.example.com/q"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CODE = ConnectorCode(edge_id="edge-1", station_id="CP*01/b", evse_id=2, connector_id=3)
OLD = ConnectorCode(edge_id="edge-1", station_id="CP*01/b", evse_id=2, connector_id=None)
URL = code_url(PAGE, KEY, CODE)


def test_a_code_of_ours_says_where_it_belongs() -> None:
    assert URL.startswith("https://pay.example.com/q/edge-1/CP%2A01%2Fb/2/3?s=")
    assert read_code(URL, PAGE, KEY.public_key()) == CODE
    assert read_code(URL, PAGE + "/", KEY.public_key()) == CODE


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("pay.example.com", "pay-example.com"),
        URL.replace("https://", "http://"),
        URL.replace("https://pay", "https://pay.example.com@evil"),
        URL.replace("pay.example.com", "pay.example.com:444"),
        URL.replace("pay.example.com", "pay.example.com.evil.test"),
        URL.replace("https://", "javascript://"),
        "//evil.test/q/edge-1/CP/2",
        "https://[::1",
        "",
        "x" * 2000,
        URL + "\n",
    ],
)
def test_a_sticker_that_leads_elsewhere_is_found_out(url: str) -> None:
    with pytest.raises(BadText, match=r"not ours|no address"):
        read_code(url, PAGE, KEY.public_key())


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("/3?s=", "/2?s="),
        URL.replace("/2/3?s=", "/2?s="),
        URL.replace("/3?s=", "/3/1?s="),
        code_url(PAGE, KEY, OLD).replace("/2?s=", "/2/1?s="),
        URL.replace("edge-1", "edge-2"),
        URL.partition("?")[0],
        URL + "&next=https://evil.test",
        URL + "#x",
        URL.replace("/q/", "/other/"),
        URL.replace("?s=", "?t="),
        code_url(PAGE, Ed25519PrivateKey.from_private_bytes(bytes(32)), CODE),
        code_url("https://pay.example.com/r", KEY, CODE).replace("/r/", "/q/"),
    ],
)
def test_one_that_is_not_signed_by_the_site_is_found_out(url: str) -> None:
    with pytest.raises(BadText, match="did not make it"):
        read_code(url, PAGE, KEY.public_key())


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_two_places_have_the_same_code(edge: str, station: str, other_edge: str, other_station: str) -> None:
    one = ConnectorCode(edge_id=edge, station_id=station, evse_id=1, connector_id=1)
    other = ConnectorCode(edge_id=other_edge, station_id=other_station, evse_id=1, connector_id=1)
    same = code_url(PAGE, KEY, one).partition("?")[2] == code_url(PAGE, KEY, other).partition("?")[2]
    assert same == (one == other)


def reader(connectors: int) -> CodeReader:
    plugs = {EvseRef("CP*01/b", 2): connectors}
    return CodeReader(edge_id="edge-1", page=PAGE, key=KEY.public_key(), connectors=plugs)


def test_a_code_says_at_which_connector_it_belongs() -> None:
    assert reader(3).place(URL) == (("CP*01/b", 2), 3)
    with pytest.raises(BadText, match="connector 3 of CP"):
        reader(2).place(URL)
    with pytest.raises(BadText, match="does not have any more"):
        reader(1).place(code_url(PAGE, KEY, ConnectorCode(edge_id="edge-1", station_id="X", evse_id=1, connector_id=1)))
    with pytest.raises(BadText, match="another site, edge-2"):
        other = ConnectorCode(edge_id="edge-2", station_id="CP*01/b", evse_id=2, connector_id=1)
        reader(1).place(code_url(PAGE, KEY, other))


def test_a_code_from_before_is_good_while_its_evse_has_one_connector() -> None:
    url = code_url(PAGE, KEY, OLD)
    assert url.startswith("https://pay.example.com/q/edge-1/CP%2A01%2Fb/2?s=")
    assert read_code(url, PAGE, KEY.public_key()) == OLD
    assert reader(1).place(url) == (("CP*01/b", 2), 1)
    with pytest.raises(BadText, match="names no connector, and CP"):
        reader(2).place(url)


@given(st.text())
def test_whatever_is_scanned_is_read_or_refused(url: str) -> None:
    with pytest.raises(BadText):
        read_code(url, PAGE, KEY.public_key())


def test_the_key_is_made_once_and_is_ours_alone(tmp_path: Path) -> None:
    key = ensure_key(tmp_path)
    assert public_key(ensure_key(tmp_path)) == public_key(key)
    assert (tmp_path / "qr.key").stat().st_mode & 0o777 == 0o600
    assert len(public_key(key)) == 43


def test_a_label_shows_the_host_and_no_markup_of_others() -> None:
    svg = label_svg(URL, "pay.example.com", "A1 <script>&")
    texts = [node.text for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")]  # noqa: S314
    assert texts == ["A1 <script>&", "pay.example.com"]
