"""The settings of a pair of boxes that run one site: `[standby]`."""

from __future__ import annotations

import re
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Final, Self

from pydantic import Field, model_validator

from edge.config_fields import Name, Port, Strict

_PLACE: Final = re.compile(r"[^\s:]+:\d{1,5}")


class StandbySettings(Strict):
    """A second box that takes over when the first is dead. The same table at both, but for what names the other."""

    is_first: bool = Field(
        description="this box serves when neither has served yet; true at one of the two. Later the ledger tells"
    )
    peer: str = Field(pattern=_PLACE.pattern, description="the other box's host:port, at its own address")
    host: str = Field(default="0.0.0.0", description="address to listen on for the other box")
    port: Port = Field(default=9003, description="port to listen on for the other box")
    certificate_file: Path = Field(description="this box's certificate: `ohmstead-edge standby certificate` makes one")
    key_file: Path = Field(description="its key, without a passphrase")
    peer_certificate_file: Path = Field(description="the other box's certificate, the only one that is believed")
    address: IPv4Interface = Field(
        description="the site's address, to which chargers connect, such as 10.0.0.10/24; no box's own address"
    )
    interface: Name | None = Field(
        default=None, max_length=15, description="the network interface that it is put on; needs CAP_NET_ADMIN and RAW"
    )
    address_up: tuple[str, ...] = Field(
        default=(), description="in place of an interface: the command that brings the address here, as a list of words"
    )
    address_down: tuple[str, ...] = Field(default=(), description="and the one that lets go of it")
    witness: str = Field(
        description="whom both boxes reach as long as they are not cut off, best a switch or gateway on the way between"
        " them: an address, which is asked for an echo (ping), or address:port, which is asked by TCP"
    )
    wait_ms: int = Field(
        default=100, ge=5, le=5_000, description="a commit waits so long for the standby; then the site goes on alone"
    )
    dead_after_s: float = Field(
        default=10,
        ge=4,
        le=600,
        description="the standby takes over when it has heard nothing for so long; a box that serves and is cut off"
        " gives up in half of it",
    )
    copy_mb_per_s: float = Field(default=50, ge=0.1, le=10_000, description="how fast a whole ledger is sent at most")

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.interface is not None and (self.address_up or self.address_down):
            raise ValueError("interface and address_up are alternatives")
        if bool(self.address_up) != bool(self.address_down):
            raise ValueError("address_up and address_down belong together")
        return self

    def beside(self, folder: Path) -> Self:
        """The same with paths relative to a folder."""
        names = ("certificate_file", "key_file", "peer_certificate_file")
        return self.model_copy(update={name: folder / getattr(self, name) for name in names})
