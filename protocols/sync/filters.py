"""The telemetry filter as the hub wants it: what a reading must say to be kept, by device class and measurand."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from protocols.sync.topics import Count
from protocols.terms import Measurand

_Seconds = Annotated[int, Field(ge=0, le=86_400)]


class DeviceClass(StrEnum):
    """Whose readings: those of EVSEs, or those of meters (the site's own, and the main meters of stations)."""

    EVSE = "evse"
    METER = "meter"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurandFilter:
    """A change smaller than `deadband` (in Wh, W, mA, mV, mHz, percent) or than `percent` of the reading kept last is
    none. Nothing is kept sooner than `min_s` behind it, and something at least every `max_s`. None: as the site has
    it."""

    deadband: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    percent: Annotated[int, Field(ge=0, le=100)] | None = None
    min_s: _Seconds | None = None
    max_s: _Seconds | None = None


Classes = dict[DeviceClass, dict[Measurand, MeasurandFilter]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredFilter:
    """What the hub wants the filter to be; what it does not name is as the site's settings have it. Retained; a higher
    `version` replaces a lower one whole. Sent to edges whose birth says that they understand `filter`."""

    version: Count
    classes: Classes = field(default_factory=dict)
    document: Literal["filter"] = "filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterChanged:
    """The hub's filter of this version is in force; what is kept from now on names it."""

    version: Count
    classes: Classes
    kind: Literal["filter_changed"] = "filter_changed"
