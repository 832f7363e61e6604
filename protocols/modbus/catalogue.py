"""The profiles that ship with the house, and which of them fits a device that answers.

Reading the package's own files, once, is the only I/O of this room; it happens here and nowhere else in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import cache
from importlib.resources import files

from protocols.errors import BadText
from protocols.modbus.codec import Value
from protocols.modbus.profile import Profile
from protocols.modbus.reader import Parsed, parse
from protocols.modbus.reads import Point, points

_ENDING = ".toml"


class Fit(IntEnum):
    """How far what a device shows goes with a profile. UNKNOWN: the profile says nothing by which it could be told."""

    NO = 0
    UNKNOWN = 1
    PLAUSIBLE = 2
    PROVEN = 3


@cache
def profile_ids() -> tuple[str, ...]:
    """The ids of all profiles, sorted."""
    names = (file.name for file in files("protocols.modbus").joinpath("profiles").iterdir())
    return tuple(sorted(name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING)))


@cache
def parsed(profile_id: str) -> Parsed:
    """A profile that ships with the house, with its variants. Raises BadText when there is none."""
    if profile_id not in profile_ids():
        raise BadText(f"there is no profile {profile_id!r}; `ohmstead-edge profile list` shows them all")
    return parse(text_of(profile_id))


def load(profile_id: str, variant: str | None = None) -> Profile:
    """A profile or one of its variants. Raises BadText when there is none."""
    found = parsed(profile_id)
    if variant is None:
        return found.profile
    if variant not in found.variants:
        raise BadText(f"{profile_id} has no variant {variant!r}; there are: {', '.join(found.variants) or 'none'}")
    return found.variants[variant][1]


def all_profiles() -> tuple[Profile, ...]:
    """Every profile as its file stands, sorted by id."""
    return tuple(load(profile_id) for profile_id in profile_ids())


def text_of(profile_id: str) -> str:
    """The file of a profile that ships with the house."""
    return files("protocols.modbus").joinpath("profiles", profile_id + _ENDING).read_text("utf-8")


def signs(profile: Profile) -> tuple[Point, ...]:
    """What to read, and only to read, to tell whether a device is of this model."""
    return points(profile, dict.fromkeys(sign.register for sign in profile.identify))


def fit(profile: Profile, values: Mapping[str, Value | None]) -> Fit:
    """Whether the values of `signs` (by the register's name, None where it gave no good answer) go with the profile."""
    if not profile.identify:
        return Fit.UNKNOWN
    if not all(sign.holds(values.get(sign.register)) for sign in profile.identify):
        return Fit.NO
    return Fit.PROVEN if any(sign.is_proof for sign in profile.identify) else Fit.PLAUSIBLE


def variant_for(found: Parsed, values: Mapping[str, Value | None]) -> str | None:
    """The first variant whose sign the values show; None for the profile as it stands."""
    for name, (variant, _) in found.variants.items():
        if variant.when and all(condition.holds(values.get(condition.register)) for condition in variant.when):
            return name
    return None
