"""Only a proxy that is trusted is believed, and of its word only what it has seen itself."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.chargers.source_address import source_of

TRUSTED = (ip_network("127.0.0.1"), ip_network("10.1.0.0/16"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "source"),
    [
        ("192.0.2.7", (), "192.0.2.7"),
        ("192.0.2.7", ("198.51.100.1",), "192.0.2.7"),  # says it of itself
        ("127.0.0.1", (), "127.0.0.1"),
        ("127.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.1.2.3", ("6.6.6.6, 198.51.100.1",), "198.51.100.1"),  # the first is the client's own word
        ("10.1.2.3", ("6.6.6.6", "7.7.7.7 ,198.51.100.1"), "198.51.100.1"),
        ("::ffff:127.0.0.1", ("2001:db8::7",), "2001:db8::7"),
        ("fd00::1", ("::ffff:198.51.100.1",), "198.51.100.1"),
        ("10.2.0.1", ("198.51.100.1",), "10.2.0.1"),
        ("127.0.0.1", ("",), "127.0.0.1"),
        ("127.0.0.1", ("unknown",), "127.0.0.1"),
        ("127.0.0.1", ("198.51.100.1,",), "127.0.0.1"),
        ("fe80::1%eth0", ("198.51.100.1",), "fe80::1%eth0"),
        ("", ("198.51.100.1",), ""),
    ],
)
def test_whose_address(peer: str, forwarded_for: tuple[str, ...], source: str) -> None:
    assert source_of(peer, forwarded_for, TRUSTED) == source


@given(st.text(), st.lists(st.text()))
def test_nobody_else_is_believed_and_nothing_is_a_fault(peer: str, forwarded_for: list[str]) -> None:
    assert source_of(peer, forwarded_for, ()) == peer
    assert source_of("127.0.0.1", forwarded_for, TRUSTED)
