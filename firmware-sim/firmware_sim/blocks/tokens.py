"""What a station knows of IdTokens without asking: the local list that the CSMS sends. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

ACCEPTED = "Accepted"
MAX_ENTRIES = 1000
"""As the variable LocalAuthListCtrlr.Entries says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEntry:
    """What is known of one IdToken. `group` is OCPP 1.6's parentIdTag."""

    id_token: str
    status: str = ACCEPTED
    group: str | None = None
    expires_at: datetime | None = None

    def may_charge(self, now: datetime) -> bool:
        """Whether the entry lets its holder charge now."""
        return self.status == ACCEPTED and (self.expires_at is None or now < self.expires_at)


@dataclass(slots=True, kw_only=True)
class LocalList:
    """OCPP 1.6 §3.5.2, 2.0.1 D01. Version 0 is an empty list that was never sent."""

    version: int = 0
    entries: dict[str, TokenEntry] = field(default_factory=dict)

    def take(self, version: int, *, is_full: bool, changes: Iterable[tuple[str, TokenEntry | None]]) -> str:
        """Take a list or a difference (None removes): Accepted, Failed or VersionMismatch; then nothing has changed."""
        if not is_full and version <= self.version:
            return "VersionMismatch"
        if version <= 0:
            return "Failed"
        entries = {} if is_full else dict(self.entries)
        for id_token, entry in changes:
            key = id_token.casefold()
            if entry is None:
                entries.pop(key, None)
            else:
                entries[key] = entry
        if len(entries) > MAX_ENTRIES:
            return "Failed"
        self.version, self.entries = version, entries
        return ACCEPTED

    def find(self, id_token: str) -> TokenEntry | None:
        """The entry of an IdToken; upper and lower case are the same (1.6 §7.28 CiString)."""
        return self.entries.get(id_token.casefold())
