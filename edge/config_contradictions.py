"""What the fields of the settings cannot tell alone: names that stand twice, or nowhere, and what needs each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import available_timezones

from protocols.errors import BadText
from protocols.modbus.bus_address import parse_address
from protocols.modbus.catalogue import parsed
from protocols.modbus.shared_lines import Place, clashes
from protocols.sync.topics import EdgeAddress


def contradictions(raw: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What the fields alone cannot tell, asked of the raw file so that it is found beside other problems."""
    yield from _bad_names(raw)
    peers = [p.get("edge_id") for p in _tables(raw.get("peers"))]
    for duplicate in _repeated([*peers, raw.get("edge_id")]):
        at = ("peers", _last(peers, duplicate), "edge_id")
        yield at, f"agent {duplicate!r} is this one or stands here a second time; [[peers]] are the others, once each"
    yield from _bad_tariffs(raw)
    tariffs = _tariff_ids(raw)
    stations = _tables(raw.get("stations"))
    ids = [s.get("id") for s in stations]
    for duplicate in _repeated(ids):
        yield ("stations", _last(ids, duplicate), "id"), f"station {duplicate!r} stands here a second time"
    yield from _half_a_ca(raw, "certificates", "ca_file", "ca_key_file")
    yield from _half_a_ca(raw, "iso15118", "v2g_ca_file", "v2g_ca_key_file")
    yield from _bad_modbus(raw, ids, tariffs)
    for index, station in enumerate(stations):
        if station and station.get("security_profile") != 3 and "password_hash" not in station:
            yield ("stations", index, "password_hash"), "Field required, unless security_profile is 3"
        if station.get("security_profile") in (2, 3) and not _has_proxies(raw):
            what = "TLS ends in a proxy before the agent: name it in [ocpp] trusted_proxies, and set proxy_tls"
            yield ("stations", index, "security_profile"), what
        yield from _bad_evses(("stations", index), station, tariffs)


def _tariff_ids(raw: dict[str, Any]) -> list[Any]:
    return [t.get("id") for name in ("tariffs", "time_of_use") for t in _tables(raw.get(name))]


def _bad_tariffs(raw: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    tariffs = _tariff_ids(raw)
    default = raw.get("default_tariff")
    if isinstance(default, str) and default not in tariffs:
        yield ("default_tariff",), f"there is no tariff {default!r}; the tariffs are {tariffs}"
    for name in ("tariffs", "time_of_use"):
        tables = _tables(raw.get(name))
        for index, table in enumerate(tables):
            tariff_id = table.get("id")
            if tariffs.count(tariff_id) > 1 and (name == "time_of_use" or index == _last(tariffs, tariff_id)):
                yield (name, index, "id"), f"tariff {tariff_id!r} stands here a second time"
            if tariff_id == default and ("start_date_time" in table or "end_date_time" in table):
                yield (
                    (name, index, "id"),
                    "the default tariff is always valid: it has no start_date_time or end_date_time",
                )
    for index, rule in enumerate(_tables(raw.get("tariff_rules"))):
        if isinstance(chosen := rule.get("tariff"), str) and chosen not in tariffs:
            yield ("tariff_rules", index, "tariff"), f"there is no tariff {chosen!r}"


def _bad_evses(
    at: tuple[str | int, ...], station: dict[str, Any], tariffs: Sequence[Any]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    evses = _tables(station.get("evses"))
    numbers = [e.get("id") for e in evses]
    for duplicate in _repeated(numbers):
        evse_at = (*at, "evses", _last(numbers, duplicate), "id")
        yield evse_at, f"EVSE {duplicate} of station {station.get('id')!r} stands here a second time"
    for number, evse in enumerate(evses):
        if (tariff := evse.get("tariff")) is not None and tariff not in tariffs:
            yield (*at, "evses", number, "tariff"), f"there is no tariff {tariff!r}"


def _bad_modbus(
    raw: dict[str, Any], station_ids: Sequence[Any], tariffs: Sequence[Any]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    devices = _tables(raw.get("modbus"))
    ids = [d.get("id") for d in devices]
    both = [each for each in ids if isinstance(each, str) and each in station_ids]
    for duplicate in {*_repeated(ids), *both}:
        yield ("modbus", _last(ids, duplicate), "id"), f"station {duplicate!r} stands here a second time"
    for index, problem in clashes([_place(device) for device in devices]):
        yield ("modbus", index, "address"), problem
    for index, device in enumerate(devices):
        yield from _bad_evses(("modbus", index), device, tariffs)
    yield from _bad_meters(devices, [*_tables(raw.get("stations")), *devices])


def _place(device: dict[str, Any]) -> Place | None:
    """None where something else is wrong with it, which is told elsewhere."""
    address, profile, unit_id = device.get("address"), device.get("profile"), device.get("unit")
    if not isinstance(address, str) or not isinstance(profile, str) or not isinstance(unit_id, int | None):
        return None
    try:
        bus, model = parse_address(address), parsed(profile).profile
    except BadText:
        return None
    if bus.transport not in model.transports:
        return None
    return Place(device_id=str(device.get("id")), address=bus, profile=model, unit_id=unit_id)


def _bad_meters(
    devices: Sequence[dict[str, Any]], stations: Sequence[dict[str, Any]]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The site has one feeder, and one meter behind an EVSE."""
    feeders = [index for index, device in enumerate(devices) if device.get("role") == "feeder"]
    for index in feeders[1:]:
        yield ("modbus", index, "role"), f"{devices[feeders[0]].get('id')!r} is the feeder already; a site has one"
    evses = {(station.get("id"), evse.get("id")) for station in stations for evse in _tables(station.get("evses"))}
    taken: dict[Any, Any] = {}
    for index, device in enumerate(devices):
        place = (device.get("behind_station"), device.get("behind_evse"))
        if None in place:
            continue
        if place not in evses:
            yield ("modbus", index, "behind_station"), f"station {place[0]!r} has no EVSE {place[1]}"
        elif place in taken:
            yield ("modbus", index, "behind_station"), f"meter {taken[place]!r} is behind that EVSE already"
        taken.setdefault(place, device.get("id"))


def _bad_names(raw: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(edge_id := raw.get("edge_id"), str):
        try:
            EdgeAddress(0, edge_id)
        except BadText as error:
            yield ("edge_id",), str(error)
    location = raw.get("location")
    zone = location.get("time_zone") if isinstance(location, dict) else None
    if isinstance(zone, str) and zone not in available_timezones():
        yield (
            ("location", "time_zone"),
            f"there is no time zone {zone!r}; an IANA name such as Europe/Berlin is expected",
        )


def _has_proxies(raw: dict[str, Any]) -> bool:
    ocpp = raw.get("ocpp")
    return isinstance(ocpp, dict) and bool(ocpp.get("trusted_proxies")) and ocpp.get("proxy_tls") is True


def _half_a_ca(raw: dict[str, Any], table: str, *files: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    settings = raw.get(table)
    named = set(files) & set(settings) if isinstance(settings, dict) else set()
    if len(named) == 1:
        yield (table, named.pop()), f"{' and '.join(files)} go together"


def _tables(value: Any) -> list[dict[str, Any]]:
    return [item if isinstance(item, dict) else {} for item in value] if isinstance(value, list) else []


def _repeated(values: Sequence[Any]) -> list[Any]:
    counted = Counter(value for value in values if isinstance(value, str | int))
    return [value for value, count in counted.items() if count > 1]


def _last(values: Sequence[Any], value: Any) -> int:
    return len(values) - 1 - list(reversed(values)).index(value)
