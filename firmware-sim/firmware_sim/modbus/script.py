"""What happens to a simulated device and when, as text: `60 plug; 65 card 04A1B2C3; 600 unplug`. Pure.

One step a line, or with semicolons between: seconds after the beginning, an action, its words. # begins a comment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from firmware_sim.modbus.misbehaviour import Kind
from protocols.errors import BadText


class _Form(NamedTuple):
    least: int
    most: int
    words: str


ACTIONS: Final[Mapping[str, _Form]] = MappingProxyType(
    {
        "plug": _Form(0, 1, "[EVSE]"),
        "unplug": _Form(0, 1, "[EVSE]"),
        "card": _Form(1, 2, "UID [EVSE]"),
        "fault": _Form(1, 2, "CODE [EVSE]"),
        "clear": _Form(0, 1, "[EVSE]"),
        "load": _Form(3, 3, "L1_W L2_W L3_W"),
        "sun": _Form(1, 1, "W"),
        "misbehave": _Form(1, 3, "KIND [TIMES [DELAY_S]]"),
        "behave": _Form(0, 0, ""),
        "stick": _Form(0, 50, "[REGISTER ...]"),
        "reset": _Form(1, 2, "session|total [EVSE]"),
        "reboot": _Form(0, 0, ""),
        "cut": _Form(0, 0, ""),
    }
)
_NUMBERS: Final = frozenset({"plug", "unplug", "clear", "load", "sun"})
"""Actions whose words are all whole numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action `at_s` seconds after the beginning, with its words as they were written."""

    at_s: float
    action: str
    words: tuple[str, ...] = ()

    def number(self, index: int, usual: int = 1) -> int:
        """One of its words as a number; `usual` where it was left out."""
        return int(self.words[index]) if index < len(self.words) else usual


def read_script(text: str) -> tuple[Step, ...]:
    """The steps in their order in time. Raises BadText with the step that is wrong."""
    lines = (line.split("#", 1)[0] for line in text.splitlines())
    steps = [_step(each.strip()) for line in lines for each in line.split(";") if each.strip()]
    return tuple(sorted(steps, key=lambda step: step.at_s))


def _step(text: str) -> Step:
    at, *rest = text.split()
    try:
        at_s = float(at)
    except ValueError:
        raise BadText(f"{text!r}: seconds after the beginning come first, not {at!r}") from None
    action, *words = rest or [""]
    form = ACTIONS.get(action)
    if form is None or not 0 <= at_s < float("inf"):
        raise BadText(f"{text!r}: there is no such action; there are {', '.join(ACTIONS)}")
    if not form.least <= len(words) <= form.most:
        raise BadText(f"{text!r}: expected {action} {form.words}".rstrip())
    step = Step(at_s=at_s, action=action, words=tuple(words))
    try:
        _check_words(step)
    except ValueError:
        raise BadText(f"{text!r}: expected {action} {form.words}".rstrip()) from None
    return step


def _check_words(step: Step) -> None:
    """Raises ValueError for a word that is not what it should be."""
    words = step.words
    match step.action:
        case action if action in _NUMBERS:
            numbers: tuple[str, ...] = words
        case "card":
            bytes.fromhex(words[0])
            numbers = words[1:]
        case "misbehave":
            Kind(words[0])
            float(words[2] if len(words) > 2 else 0)
            numbers = words[1:2]
        case "fault":
            numbers = words
        case "reset":
            if words[0] not in ("session", "total"):
                raise ValueError(words[0])
            numbers = words[1:]
        case _:
            numbers = ()
    for word in numbers:
        int(word)
