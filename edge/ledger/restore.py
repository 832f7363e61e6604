"""Reads the site's state back from the ledger after a start or a crash."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from edge.domain.composite import InstalledProfile
from edge.domain.filters import filters
from edge.domain.rules import SiteRules
from edge.domain.site import OpenCommand, Site
from edge.domain.smart_charging import limit_key
from edge.ledger.block_tables import restore_blocks
from edge.ledger.clock_tables import restore_clock
from edge.ledger.customer_tables import restore_accounts
from edge.ledger.device_restore import restore_device_model
from edge.ledger.ledger import Ledger
from edge.ledger.moves import restore_stray_stops
from edge.ledger.payment_tables import restore_payments
from edge.ledger.projections import ALARM, CHARGING_LIMIT, CHARGING_PROFILE, CHECKPOINT, TOKEN
from edge.ledger.queries import queries
from edge.ledger.receipt_tables import restore_receipts
from edge.ledger.security_tables import restore_security
from edge.ledger.staff_tables import restore_staff
from edge.ledger.tariff_tables import restore_tariffs
from protocols.sync.filters import FilterChanged
from protocols.sync.topics import Stream
from protocols.terms import ChargingState, ConnectorStatus

FILTER: Final = TypeAdapter(FilterChanged)


def restore(ledger: Ledger, rules: SiteRules) -> Site:
    """The site as it was at the last commit: the configuration's stations and what the ledger knows of them."""
    site = Site(
        rules=rules,
        epoch=ledger.epoch,
        last_seq={stream: ledger.last_seq(stream) for stream in Stream},
        acked_seq={stream: ledger.acked_seq(stream) for stream in Stream},
        last_charger_number=ledger.last_charger_number,
    )
    for station_id in rules.stations:
        site.station(station_id)
    for evse in rules.location.evses:
        site.add_evse(evse)
    _restore_stations(site, ledger)
    restore_stray_stops(site, ledger.connection)
    restore_device_model(site, ledger.connection)
    for (checkpoint,) in ledger.connection.execute(queries()["open_transactions"]):
        transaction = CHECKPOINT.validate_json(checkpoint)
        if transaction.numbering is not None:
            transaction.numbering.is_resumed = True
        site.station(transaction.station_id)
        site.open_transaction(transaction)
    for source, document in ledger.connection.execute(queries()["tokens"]):
        token = TOKEN.validate_json(document)
        (site.tokens.hub if source == "hub" else site.tokens.site)[token.key] = token
    site.documents = dict(ledger.connection.execute(queries()["documents"]).fetchall())
    for (document,) in ledger.connection.execute(queries()["alarms"]):
        alarm = ALARM.validate_json(document)
        site.alarms[alarm.alarm_id] = alarm
    for command_id, expires_at, is_finished in ledger.connection.execute(queries()["commands"]):
        site.commands[command_id] = OpenCommand(
            command_id=command_id, expires_at=datetime.fromisoformat(expires_at), is_finished=bool(is_finished)
        )
    _restore_smart_charging(site, ledger)
    restore_tariffs(site, ledger.connection)
    _restore_filter(site, ledger)
    restore_clock(site, ledger.connection)
    restore_staff(site, ledger.connection)
    restore_security(site, ledger.connection)
    restore_blocks(site, ledger.connection)
    restore_receipts(site, ledger.connection)
    restore_payments(site, ledger.connection)
    restore_accounts(site, ledger.connection)
    return site


def _restore_smart_charging(site: Site, ledger: Ledger) -> None:
    for (document,) in ledger.connection.execute(queries()["charging_profiles"]):
        told = CHARGING_PROFILE.validate_json(document)
        installed = InstalledProfile(evse_id=told.evse_id, profile=told.profile, installed_at=told.installed_at)
        site.profiles.setdefault(told.station_id, {})[told.profile.profile_id or 0] = installed
    for (document,) in ledger.connection.execute(queries()["charging_limits"]):
        limit = CHARGING_LIMIT.validate_json(document)
        site.external_limits.setdefault(limit.station_id, {})[limit_key(limit)] = limit


def _restore_filter(site: Site, ledger: Ledger) -> None:
    for (document,) in ledger.connection.execute(queries()["meta_of"], ("filter",)):
        told = FILTER.validate_json(document)
        site.filters = filters(site.rules.telemetry, told.classes, told.version)


def _restore_stations(site: Site, ledger: Ledger) -> None:
    for row in ledger.connection.execute(queries()["stations"]):
        station = site.station(row[0], is_known=row[0] in site.rules.stations)
        station.is_online = bool(row[1])
        station.vendor, station.model, station.serial_number, station.firmware_version = row[2:6]
        station.status = ConnectorStatus(row[6]) if row[6] else None
    for station_id, evse_id, connector_id, status, charging_state, error_code in ledger.connection.execute(
        queries()["evses"]
    ):
        evse = site.evse(station_id, evse_id)
        if evse is not None:
            evse.connector_id, evse.error_code = connector_id, error_code
            evse.status = ConnectorStatus(status)
            evse.charging_state = ChargingState(charging_state) if charging_state else None
