"""What the journal tells of the staff of a site: who is on the list, and who tried PINs. Never a PIN, nor its hash."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRegained:
    """Somebody gave the right PIN after `wrong` wrong ones in a row: nobody waits any more."""

    staff_id: str
    wrong: int
    kind: Literal["sign_in_regained"] = "sign_in_regained"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffChange:
    """One of the staff is another from now on. `was_role` None: added; `role` None: taken off the list. Both alike: the
    name is another, or `is_pin_new`, which is known of changes while the agent runs."""

    staff_id: str
    name: str
    role: str | None
    was_role: str | None
    is_pin_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffChanged:
    """The list of the staff is another one. `at` of the entry is when the agent saw it: within seconds, or when it
    started; nobody signs in by a list that is not journaled."""

    changes: tuple[StaffChange, ...]
    kind: Literal["staff_changed"] = "staff_changed"


StaffBody = SignInRefused | SignInRegained | StaffChanged
