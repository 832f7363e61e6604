"""Whose address an attempt to connect comes from, behind a proxy or without one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def source_of(peer: str, forwarded_for: Sequence[str], trusted: Iterable[Network]) -> str:
    """The address that lock-outs and logs are about.

    `peer` is the address of the socket, `forwarded_for` the values of X-Forwarded-For as they came, `trusted` the
    proxies that are believed. Of what a trusted proxy says only the last address counts: it has seen that one itself,
    anything before it was written by the client. Without a trusted proxy, or where it names no address, it is the peer.
    """
    if not is_trusted(peer, trusted):
        return peer
    named = _address(forwarded_for[-1].rpartition(",")[2].strip()) if forwarded_for else None
    return peer if named is None else str(named)


def is_trusted(peer: str, trusted: Iterable[Network]) -> bool:
    """Whether the address of a socket is that of a proxy that is believed."""
    address = _address(peer)
    return address is not None and any(address in network for network in trusted)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An IPv4 address that came in over IPv6 is the IPv4 address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
