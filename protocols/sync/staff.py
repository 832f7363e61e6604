"""What the journal tells of the staff of a site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRefused:
    """Somebody gave a wrong PIN, for the `wrong`th time in a row; `staff_id` None: for an id that nobody has. The next
    attempt is looked at after `wait_s`."""

    staff_id: str | None
    wrong: int
    wait_s: int
    kind: Literal["sign_in_refused"] = "sign_in_refused"
