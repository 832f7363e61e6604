"""What an operator may set of the local WebSocket."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from protocols.errors import BadText
from protocols.site.view import PATCH_WITHIN_S

LOCAL_PORT: Final = 9001


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """Where to listen and how much to allow. Raises BadText for an address that is not this machine alone.

    `port` 0 takes a free one. At most `1 / patch_interval_s` patches a second are sent, and one at least every
    `patch_at_least_s`, which leaves a screen some of PATCH_WITHIN_S for the way.
    """

    host: str = "127.0.0.1"
    port: int = LOCAL_PORT
    patch_interval_s: float = 0.25
    patch_at_least_s: float = PATCH_WITHIN_S * 0.75
    max_clients: int = 64
    max_requests_per_client: int = 8
    """Requests of one client that run at the same time; the next one is read when one of them is done."""
    max_message_bytes: int = 64 * 1024 * 1024
    """A request may be a whole token list."""
    max_unread_bytes: int = 8 * 1024 * 1024
    """A screen that lets more than this pile up is dropped."""

    def __post_init__(self) -> None:
        try:
            is_loopback = self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            is_loopback = False
        if not is_loopback:
            raise BadText(
                f"the local WebSocket may listen on this machine alone, not on {self.host!r};"
                " expected 127.0.0.1, ::1 or localhost"
            )
