"""The quirk files that ship with the house, and which of them fits a station.

Reading the package's own files, once, is the only I/O of this room; it happens here and nowhere else in it.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from protocols.ocpp.quirks.model import BY_THE_BOOK, Quirks
from protocols.ocpp.quirks.reader import parse

_ENDING: Final = ".toml"
_MODELS_KEPT: Final = 1024
"""Vendor, model and firmware are the station's own words: only who makes them up ever goes beyond."""


@lru_cache(_MODELS_KEPT)
def of(vendor: str | None, model: str | None, firmware: str | None) -> Quirks:
    """What is different about this model, by the words of its BootNotification; BY_THE_BOOK where nothing is known.

    Of several files that fit, the one whose sign asks for most is meant.
    """
    told = tuple((text or "").strip().lower() for text in (vendor, model, firmware))
    fitting = [(sign.weight, quirks) for quirks in all_quirks() for sign in quirks.signs if sign.fits(*told)]
    return max(fitting, key=lambda found: found[0])[1] if fitting else BY_THE_BOOK


@cache
def all_quirks() -> tuple[Quirks, ...]:
    """Every file, sorted by id. Raises BadQuirks for one that cannot be read: the tests see to it that all can."""
    return tuple(parse(text_of(name)) for name in quirk_ids())


@cache
def quirk_ids() -> tuple[str, ...]:
    """The ids of all files, sorted."""
    names = (file.name for file in files("protocols.ocpp.quirks").iterdir())
    return tuple(sorted(name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING)))


def text_of(quirk_id: str) -> str:
    """The file as it stands."""
    return files("protocols.ocpp.quirks").joinpath(quirk_id + _ENDING).read_text("utf-8")
