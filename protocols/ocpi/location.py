"""OCPI 2.2.1 §8 Location: the site, its EVSEs and their connectors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Evse:
    """An EVSE of a Location. `label` is what is painted on the bay (OCPI physical_reference)."""

    station_id: str
    evse_id: int
    label: str
    max_power_w: int
    tariff_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """OCPI 2.2.1 §8.3.1. `time_zone` is an IANA name."""

    id: str
    name: str
    country_code: str
    party_id: str
    time_zone: str
    address: str = ""
    city: str = ""
    country: str = ""
    evses: tuple[Evse, ...] = ()
