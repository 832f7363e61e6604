"""The site as others see it: tiles for the screens, live values and a birth for the hub."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from edge.domain import account_changes, local_lists, token_changes
from edge.domain.disk_events import DiskLevel
from edge.domain.power_balance import age_s, balance, meter_live, meters
from edge.domain.running_cost import running_cost
from edge.domain.site import Site
from edge.domain.smart_charging import limit_now
from edge.domain.station import EvseStatus, Station
from protocols.site.view import EvseView, PowerFlow, SiteTotals, Snapshot
from protocols.sync.account_lists import ACCOUNT_LISTS
from protocols.sync.lists import LISTS
from protocols.sync.present import Birth, EvseLive, Live, MeterLive, StreamPosition
from protocols.sync.topics import Stream
from protocols.sync.upkeep import ReservationMade
from protocols.terms import ChargingState, ConnectorStatus, EvseRef, EvseState

_DIGESTS: Final = {
    token_changes.NAME: token_changes.token_digest,
    account_changes.NAME: account_changes.accounts_digest,
}
UNDERSTOOD: Final = ("filter", LISTS, ACCOUNT_LISTS)
"""What came later than version 1 of the contract, and may be sent here."""


def evse_state(site: Site, status: EvseStatus) -> EvseState:
    """One word for an EVSE. What is not known is never shown as free, nor as taken: what a station said before it was
    away may be past. Only its fault stays until the station takes it back, as its alarm does."""
    station = site.stations[status.evse.station_id]
    if not station.is_online:
        return EvseState.OFFLINE
    for said in (station.status, status.status):
        if said is ConnectorStatus.FAULTED:
            return EvseState.FAULTED
        if said is ConnectorStatus.UNAVAILABLE:
            return EvseState.UNAVAILABLE
    transaction = site.at_evse(status.ref)
    if transaction is not None:
        is_charging = transaction.charging_state is ChargingState.CHARGING
        return EvseState.CHARGING if is_charging else EvseState.OCCUPIED
    if status.evse.station_id in site.runs and site.is_out_of_service(status.ref):
        return EvseState.UNAVAILABLE  # the charger does not know it, and shows what it will
    is_kept = status.ref in site.reservations.reserved
    if status.ref in site.unsettled:
        return EvseState.RESERVED if is_kept else EvseState.UNAVAILABLE
    match status.status:
        case ConnectorStatus.OCCUPIED:
            return EvseState.OCCUPIED
        case ConnectorStatus.RESERVED:
            return EvseState.RESERVED
        case ConnectorStatus.AVAILABLE:
            if is_kept:
                return EvseState.RESERVED
            return EvseState.FREE if site.disk is not DiskLevel.FULL else EvseState.UNAVAILABLE
        case _:
            return EvseState.UNAVAILABLE


def evse_view(site: Site, status: EvseStatus, now: datetime) -> EvseView:
    """A tile."""
    transaction = site.at_evse(status.ref)
    reserved = site.reservations.reserved.get(status.ref)
    return EvseView(
        station_id=status.evse.station_id,
        evse_id=status.evse.evse_id,
        label=status.evse.label,
        state=evse_state(site, status),
        max_power_w=status.evse.max_power_w,
        power_w=status.power_w if transaction else None,
        energy_wh=transaction.energy_wh if transaction else None,
        duration_s=max(0, int((now - transaction.started_at).total_seconds())) if transaction else None,
        cost=running_cost(transaction, now) if transaction else None,
        state_of_charge_percent=status.state_of_charge_percent if transaction else None,
        is_reading_old=site.is_silent(status, now),
        error=status.error_code,
        reserved_until=reserved.expires_at if reserved is not None and transaction is None else None,
        is_leaving_service=transaction is not None and site.is_out_of_service(status.ref),
    )


def evse_live(site: Site, status: EvseStatus, now: datetime) -> EvseLive:
    """The present of an EVSE, for the hub."""
    transaction = site.at_evse(status.ref)
    return EvseLive(
        station_id=status.evse.station_id,
        evse_id=status.evse.evse_id,
        state=evse_state(site, status),
        power_w=status.power_w,
        energy_wh=transaction.energy_wh if transaction else None,
        state_of_charge_percent=status.state_of_charge_percent,
        transaction_id=transaction.transaction_id if transaction else None,
        cost=running_cost(transaction, now) if transaction else None,
    )


def totals(site: Site, now: datetime) -> SiteTotals:
    """The line above the tiles."""
    return SiteTotals(
        at=now,
        power_w=site.power_w,
        is_uplink_online=site.is_uplink_online,
        uplink_since=site.uplink_since,
        backlog=sum(site.last_seq[stream] - site.acked_seq[stream] for stream in Stream),
        open_alarms=len(site.alarms),
        allows_unknown_stations=site.rules.allows_unknown_stations,
        has_uplink=site.rules.has_uplink,
        balance=tuple(
            PowerFlow(part=flow.part, power_w=flow.power_w, age_s=age_s(flow.read_at, now))
            for flow in balance(site, now)
        ),
    )


def snapshot(site: Site, now: datetime) -> Snapshot:
    """The whole site for a screen, in the order of the configuration."""
    return Snapshot(
        location_id=site.rules.location.id,
        name=site.rules.location.name,
        time_zone=site.rules.location.time_zone,
        currency=site.rules.currency,
        totals=totals(site, now),
        evses=tuple(evse_view(site, status, now) for status in site.evses.values()),
    )


def live(site: Site, refs: Iterable[EvseRef], now: datetime, *, is_full: bool) -> Live:
    """The present of these EVSEs and meters; with `is_full` also of all that grows older, or dearer, by itself."""
    wanted = set(refs)
    if is_full:
        wanted.update(transaction.ref for transaction in site.transactions.values())
        wanted.update(rules.ref for rules in site.rules.meters.values())
    return Live(
        epoch=site.epoch,
        at=now,
        evses=_lives(site, (ref for ref in sorted(wanted) if ref.evse_id), now),
        meters=_meter_lives(site, (ref.station_id for ref in sorted(wanted) if not ref.evse_id), now),
        balance=balance(site, now),
    )


def _lives(site: Site, refs: Iterable[EvseRef], now: datetime) -> tuple[EvseLive, ...]:
    return tuple(evse_live(site, site.evses[ref], now) for ref in refs if ref in site.evses)


def _meter_lives(site: Site, meter_ids: Iterable[str], now: datetime) -> tuple[MeterLive, ...]:
    found = (site.rules.meters.get(meter_id) for meter_id in meter_ids)
    return tuple(meter_live(site.meters.look(rules), now) for rules in found if rules is not None)


def birth(site: Site, now: datetime) -> Birth:
    """Who this edge is and how its site stands."""
    return Birth(
        edge_id=site.rules.edge_id,
        epoch=site.epoch,
        software_version=site.rules.software_version,
        at=now,
        location=site.rules.location,
        evses=_lives(site, site.evses, now),
        streams=tuple(
            StreamPosition(stream=stream, last_seq=site.last_seq[stream], acked_seq=site.acked_seq[stream])
            for stream in Stream
        ),
        documents=dict(site.documents),
        understands=UNDERSTOOD,
        digests={name: reckon(site) for name, reckon in _DIGESTS.items() if name in site.documents},
        meters=_meter_lives(site, site.rules.meters, now),
        balance=balance(site, now),
    )


def status(site: Site, now: datetime) -> dict[str, Any]:
    """How the site stands, JSON-able, for `status` and the staff."""
    return {
        "edge_id": site.rules.edge_id,
        "location": site.rules.location.name,
        "epoch": site.epoch,
        "software_version": site.rules.software_version,
        "site_time": now.isoformat(),
        "clock": clock_status(site),
        "stations": len(site.stations),
        "stations_online": sum(station.is_online for station in site.stations.values()),
        "allow_unknown": site.rules.allows_unknown_stations,
        "evses": len(site.evses),
        "transactions_open": len(site.transactions),
        "power_w": site.power_w,
        "balance": [
            {"part": flow.part, "power_w": flow.power_w, "age_s": age_s(flow.read_at, now)}
            for flow in balance(site, now)
        ],
        "meters": meters(site, now),
        "tokens": len(site.tokens),
        "alarms": [
            {
                "id": alarm.alarm_id,
                "alarm": alarm.alarm,
                "severity": alarm.severity,
                "text": alarm.text,
                "station_id": alarm.station_id,
                "evse_id": alarm.evse_id,
            }
            for alarm in site.alarms.values()
        ],
        "telemetry": {
            "kept": site.telemetry_kept,
            "dropped_by_filter": site.telemetry_dropped,
            "thinned_by_pressure": site.telemetry_thinned,
        },
        "uplink": {
            "configured": site.rules.has_uplink,
            "online": site.is_uplink_online,
            "since": site.uplink_since.isoformat() if site.uplink_since else None,
        },
        "streams": {
            stream: {"last_seq": site.last_seq[stream], "acked_seq": site.acked_seq[stream]} for stream in Stream
        },
    }


def clock_status(site: Site) -> dict[str, Any] | None:
    """How good the site's clock is; None where nobody looks after it."""
    noted, offset = site.clock.noted, site.clock.offset
    if noted is None or site.clock.noted_at is None:
        return None
    return {
        "quality": noted.quality.value,
        "offset_s": offset.total_seconds() if offset is not None else None,
        "noted_at": site.clock.noted_at.isoformat(),
        "boot_id": noted.boot_id,
        "has_rtc": noted.has_rtc,
    }


def stations(site: Site, now: datetime) -> list[dict[str, Any]]:
    """The charging stations with their live state, JSON-able."""
    return [
        {
            "station_id": station.station_id,
            "online": station.is_online,
            "known": station.is_known,
            "ocpp": station.abilities.ocpp_version if station.abilities else None,
            "modbus": _modbus(site, station),
            "vendor": station.vendor,
            "model": station.model,
            "firmware": station.firmware_version,
            "charging_profiles": [
                {
                    "profile_id": profile_id,
                    "evse_id": installed.evse_id,
                    "purpose": installed.profile.purpose,
                    "stack_level": installed.profile.stack_level,
                }
                for profile_id, installed in site.profiles.get(station.station_id, {}).items()
            ],
            "boot": site.admission(station),
            "local_list": _local_list(site, station),
            "out_of_service": EvseRef(station.station_id, 0) in site.out_of_service,
            "reservations": [_reservation(made) for made in site.reservations.of(station.station_id).values()],
            "evses": [_evse(site, site.evses[ref], now) for ref in site.refs_of(station.station_id)],
        }
        for station in site.stations.values()
    ]


def _evse(site: Site, evse: EvseStatus, now: datetime) -> dict[str, Any]:
    running = site.at_evse(evse.ref)
    return {
        "evse_id": evse.evse.evse_id,
        "label": evse.evse.label,
        "state": evse_state(site, evse),
        "power_w": evse.power_w,
        "limit_w": limit_now(site, evse.ref, now),
        "energy_wh": running.energy_wh if running else None,
        "transaction_id": running.transaction_id if running else None,
        "charger_transaction_id": running.charger_transaction_id if running else None,
        "read_at": evse.read_at.isoformat() if evse.read_at else None,
        "reading_is_old": site.is_silent(evse, now),
        "out_of_service": site.is_out_of_service(evse.ref),
    }


def _modbus(site: Site, station: Station) -> dict[str, Any] | None:
    """How a polled charger is read; None for one that speaks OCPP."""
    if station.station_id not in site.rules.runs:
        return None
    polled = station.abilities.polled if station.abilities is not None else None
    return {
        "profile": polled.profile_id if polled else None,
        "variant": polled.variant if polled else None,
        "energy_by": polled.energy if polled else None,
    }


def _reservation(made: ReservationMade) -> dict[str, Any]:
    return {
        "reservation_id": made.reservation_id,
        "evse_id": made.evse_id,
        "contract_id": made.contract_id,
        "expires_at": made.expires_at.isoformat(),
    }


def _local_list(site: Site, station: Station) -> dict[str, Any] | None:
    """None where the site does not keep it."""
    if not local_lists.keeps_list(station):
        return None
    settled = site.lists.settled.get(station.station_id)
    facts = {"state": local_lists.state_of(site, station), "tokens_version_wanted": site.lists.tokens_version}
    if settled is None or not settled.is_supported:
        return facts
    return {
        **facts,
        "version": settled.version,
        "tokens_version": settled.tokens_version,
        "tokens": settled.tokens,
        "left_out": settled.left_out,
        "checksum": settled.checksum,
    }
