"""What cannot stand beside what is committed."""

from __future__ import annotations

from protocols.errors import BadEntry


class Contradiction(BadEntry):
    """An entry that contradicts what is committed: another bill or posting under an id that is taken."""
