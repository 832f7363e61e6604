"""Topics are made and taken apart; whose subtree it is stays clear."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import BadText
from protocols.sync.topics import EdgeAddress, Stream, parse_topic


@given(st.integers(0, 255), st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}", fullmatch=True))
def test_a_topic_is_taken_apart_as_it_was_made(domain: int, edge_id: str) -> None:
    address = EdgeAddress(domain, edge_id)
    for topic, branch, rest in (
        (address.birth, "birth", ()),
        (address.up(Stream.MONEY), "up", ("money",)),
        (address.ack(Stream.EVENT), "ack", ("event",)),
        (address.desired("tokens"), "down", ("desired", "tokens")),
        (address.command("c-1"), "down", ("command", "c-1")),
    ):
        heard = parse_topic(topic)
        assert (heard.address, heard.branch, heard.rest) == (address, branch, rest)
        assert topic.startswith(address.prefix + "/")


@pytest.mark.parametrize("edge_id", ["", "+", "#", "a/b", "../x", "a" * 49, "ü", "-a", "a b", "a\0"])
def test_an_edge_id_cannot_reach_another_subtree(edge_id: str) -> None:
    with pytest.raises(BadText):
        EdgeAddress(1, edge_id)


@pytest.mark.parametrize("domain", [-1, 256])
def test_a_domain_is_one_byte(domain: int) -> None:
    with pytest.raises(BadText):
        EdgeAddress(domain, "a")


@given(
    st.text()
    | st.lists(st.sampled_from(["ohmstead", "v1", "01", "+1", "0x1", "1_0", "AB", "edge", "up", "", "zz", "+"])).map(
        "/".join
    )
)
def test_any_other_topic_is_bad_text_and_nothing_worse(topic: str) -> None:
    with contextlib.suppress(BadText):
        assert parse_topic(topic).address.prefix == "/".join(topic.split("/")[:4])
