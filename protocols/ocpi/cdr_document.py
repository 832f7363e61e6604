"""A bill as OCPI 2.2.1 §10.3.1 tells it: energy in kWh, times in hours, money as numbers.

OCPI asks for things that a site's settings need not hold: the coordinates of the Location, and the connector's kind.
They are said here from what is known, see `CdrPlace`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from protocols.money import ZERO
from protocols.ocpi.cdr import Cdr, ChargingPeriod, PriceLine
from protocols.ocpi.location import Evse, Location
from protocols.ocpi.tariff import TariffDimensionType
from protocols.ocpi.tariff_document import write_tariff

_VERSION: Final = "2.2.1"
DC_ABOVE_W: Final = 43_500
"""More than a Type 2 socket gives: it is taken for direct current by CCS."""
_PLACES: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrPlace:
    """Where bills are from: the Location, and its `coordinates`: latitude and longitude in degrees, text as in OCPI."""

    location: Location
    coordinates: tuple[str, str]

    def evse(self, cdr: Cdr) -> Evse | None:
        for evse in self.location.evses:
            if (evse.station_id, evse.evse_id) == (cdr.station_id, cdr.evse_id):
                return evse
        return None


def write_cdr(cdr: Cdr, place: CdrPlace, issued_at: datetime) -> dict[str, Any]:
    """The bill as a JSON object, numbers as Decimals. What no token is known for bears its contract's id as uid.

    A credit has all the data of its bill, and only `total_cost` is the negative of it (mod_cdrs, Credit CDRs): energy,
    times and the costs by dimension are as they were, other than in a Cdr, whose lines are negative, too.
    """
    owner = {"country_code": place.location.country_code, "party_id": place.location.party_id}
    document: dict[str, Any] = {
        **owner,
        "id": cdr.id,
        "start_date_time": _instant(cdr.start_date_time),
        "end_date_time": _instant(cdr.end_date_time),
        "session_id": cdr.session_id,
        "cdr_token": {
            **owner,
            "uid": cdr.token_uid or cdr.contract_id,
            "type": "RFID" if cdr.token_uid else "OTHER",
            "contract_id": cdr.contract_id,
        },
        "auth_method": "WHITELIST",
        "cdr_location": _location(cdr, place),
        "currency": cdr.currency,
        "tariffs": [write_tariff(cdr.tariff, version=_VERSION, **owner)],
        "charging_periods": [_period(period, cdr.tariff.id) for period in cdr.charging_periods],
        "total_cost": _price(cdr.lines, cdr.total_cost.excl_vat, cdr.total_cost.incl_vat),
        **_costs(cdr),
        "total_energy": _kwh(cdr.total_energy_wh),
        "total_time": _hours(cdr.total_time_s + cdr.total_parking_time_s),
    }
    if cdr.total_parking_time_s:
        document["total_parking_time"] = _hours(cdr.total_parking_time_s)
    if cdr.signed_data is not None:
        document["signed_data"] = _signed(cdr)
    if cdr.replaces is not None:
        document["remark"] = f"issued instead of {cdr.replaces}"
    if cdr.credit:
        document |= {"credit": True, "credit_reference_id": cdr.credit_reference_id}
    return document | {"last_updated": _instant(issued_at)}


def _location(cdr: Cdr, place: CdrPlace) -> dict[str, Any]:
    evse, site = place.evse(cdr), place.location
    is_dc = evse is not None and evse.max_power_w > DC_ABOVE_W
    latitude, longitude = place.coordinates
    return {
        "id": site.id,
        "name": site.name,
        "address": site.address,
        "city": site.city,
        "country": site.country,
        "coordinates": {"latitude": latitude, "longitude": longitude},
        "evse_uid": f"{cdr.station_id}*{cdr.evse_id}",
        "evse_id": f"{site.country_code}*{site.party_id}*E{cdr.station_id}*{cdr.evse_id}",
        "connector_id": "1",
        "connector_standard": "IEC_62196_T2_COMBO" if is_dc else "IEC_62196_T2",
        "connector_format": "CABLE" if is_dc else "SOCKET",
        "connector_power_type": "DC" if is_dc else "AC_3_PHASE",
    }


def _period(period: ChargingPeriod, tariff_id: str) -> dict[str, Any]:
    """OCPI 2.2.1 §10.4.6 and .2; one dimension at least."""
    dimensions = [
        (kind, volume)
        for kind, volume in (
            ("ENERGY", _kwh(period.energy_wh)),
            ("TIME", _hours(period.time_s)),
            ("PARKING_TIME", _hours(period.parking_time_s)),
            ("RESERVATION_TIME", _hours(period.reservation_time_s)),
            ("POWER", _kwh(period.power_w or 0)),
            ("CURRENT", _kwh(period.current_ma or 0)),
        )
        if volume
    ] or [("ENERGY", Decimal(0))]
    return {
        "start_date_time": _instant(period.start_date_time),
        "dimensions": [{"type": kind, "volume": volume} for kind, volume in dimensions],
        "tariff_id": tariff_id,
    }


def _costs(cdr: Cdr) -> dict[str, Any]:
    """What each dimension cost, where it did; the reservation's lines apart, adjustments in the total alone."""
    costs: dict[str, Any] = {}
    for name, kind in (
        ("total_fixed_cost", TariffDimensionType.FLAT),
        ("total_energy_cost", TariffDimensionType.ENERGY),
        ("total_time_cost", TariffDimensionType.TIME),
        ("total_parking_cost", TariffDimensionType.PARKING_TIME),
    ):
        lines = [line for line in cdr.lines if line.type is kind and not line.reservation and not line.adjustment]
        if lines:
            costs[name] = _as_billed(cdr, lines, *_sums(lines))
    if cdr.total_reservation_cost is not None:
        lines = [line for line in cdr.lines if line.reservation]
        total = cdr.total_reservation_cost
        costs["total_reservation_cost"] = _as_billed(cdr, lines, total.excl_vat, total.incl_vat)
    return costs


def _as_billed(cdr: Cdr, lines: Iterable[PriceLine], excl: Decimal, incl: Decimal) -> dict[str, Decimal]:
    """Of a credit what its bill had."""
    return _price(lines, -excl, -incl) if cdr.credit else _price(lines, excl, incl)


def _sums(lines: Iterable[PriceLine]) -> tuple[Decimal, Decimal]:
    excl, incl = ZERO, ZERO
    for line in lines:
        excl, incl = excl + line.cost.excl_vat, incl + line.cost.incl_vat
    return excl, incl


def _price(lines: Iterable[PriceLine], excl: Decimal, incl: Decimal) -> dict[str, Decimal]:
    """OCPI 2.2.1 Price: without `incl_vat` where no VAT applies."""
    has_vat = excl != incl or any(line.vat is not None for line in lines)
    return {"excl_vat": excl, "incl_vat": incl} if has_vat else {"excl_vat": excl}


def _signed(cdr: Cdr) -> dict[str, Any]:
    signed = cdr.signed_data
    if signed is None:
        return {}
    document: dict[str, Any] = {
        "encoding_method": signed.encoding_method,
        "signed_values": [
            {"nature": each.nature, "plain_data": each.plain_data, "signed_data": each.signed_data}
            for each in signed.signed_values
        ],
    }
    return document if signed.public_key is None else document | {"public_key": signed.public_key}


def _kwh(energy_wh: int) -> Decimal:
    return Decimal(energy_wh) / 1000


def _hours(seconds: int) -> Decimal:
    """To 4 places, half-up, as OCPI writes numbers."""
    ticks = (2 * 10_000 * Fraction(seconds, 3600) + 1) // 2
    return int(ticks) * _PLACES


def _instant(at: datetime) -> str:
    """OCPI 2.2.1 §16.5: in UTC."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
