"""What the settings say that the site is. Nothing here knows an adapter: `check` and the decisions without an agent
need no charger."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import version

from edge.account_config import account_rules
from edge.certificates import authority_files
from edge.config import EdgeConfig, StationSettings, TelemetrySettings
from edge.domain.inventory import InventoryRules
from edge.domain.job import JobRules
from edge.domain.list_book import ListRules
from edge.domain.payment_book import PaymentRules
from edge.domain.receipt_book import ReceiptRules
from edge.domain.rules import Admission, SiteRules, StationRules
from edge.domain.run_book import RunRules
from edge.domain.station_security import CertificateRules
from edge.domain.tariff_choice import TariffRule
from edge.domain.telemetry import MeasurandRule, TelemetryRules, default_rules
from edge.meter_rules import meter_rules
from edge.modbus_config import ModbusSettings
from edge.tariff_config import TariffRuleSettings, sheet_tariff
from protocols.ocpi.location import Evse, Location
from protocols.ocpi.tariff import Tariff
from protocols.ocpp.quirks.catalogue import of as quirks_of
from protocols.sync.payments import PaymentMethod
from protocols.terms import Measurand


def rules_of(config: EdgeConfig) -> SiteRules:
    """The site as the decisions know it."""
    return SiteRules(
        edge_id=config.edge_id,
        location=_location(config),
        currency=config.currency,
        stations={
            station.id: StationRules(
                station_id=station.id,
                allowed_groups=station.allowed_groups,
                certificate_name=station.certificate_name,
                boot=Admission(station.boot),
                keeps_local_list=config.local_lists.enabled if station.local_list is None else station.local_list,
                shows_costs=station.shows_costs,
            )
            for station in config.stations
        }
        | _polled_rules(config),
        runs=_run_rules(config),
        meters=meter_rules(config),
        estimating_tariffs=frozenset(tariff.id for tariff in config.tariffs if tariff.bills_estimates),
        tariffs={tariff.id: tariff for tariff in _tariffs(config)},
        default_tariff_id=config.default_tariff,
        tariff_rules=tuple(_tariff_rule(rule) for rule in config.tariff_rules),
        heartbeat_interval_s=config.ocpp.heartbeat_interval_s,
        running_cost_every=timedelta(seconds=config.ocpp.running_cost_every_s)
        if config.ocpp.running_cost_every_s
        else None,
        allows_unknown_stations=config.ocpp.allow_unknown,
        checkpoint_s=config.transactions.checkpoint_s,
        abandon_after_s=config.transactions.abandon_after_h * 3600,
        silent_after_s=config.transactions.silent_after_s,
        telemetry=_telemetry(config.telemetry),
        local_lists=ListRules(
            max_tokens=config.local_lists.max_tokens,
            tokens_per_message=config.local_lists.tokens_per_message,
            stations_at_once=config.local_lists.stations_at_once,
            clears_caches=config.local_lists.clear_caches,
        ),
        second_person_above=config.bills.second_person_above,
        receipts=_receipt_rules(config),
        accounts=account_rules(config.accounts),
        max_reservation=timedelta(hours=config.reservations.max_hours),
        unknown_boot=Admission(config.ocpp.unknown_boot),
        may_trigger=_may_trigger,
        certificates=_certificate_rules(config),
        jobs=_job_rules(config),
        inventory=_inventory_rules(config),
        peers=frozenset(peer.edge_id for peer in config.peers),
        payments=_payment_rules(config),
        software_version=version("ohmstead"),
        has_uplink=config.uplink is not None,
    )


def _payment_rules(config: EdgeConfig) -> PaymentRules:
    return PaymentRules(
        providers={each.id: PaymentMethod(each.method) for each in config.payments.providers},
        answer_within=timedelta(seconds=config.payments.answer_within_s),
        max_amount=config.payments.max_amount,
    )


def _polled_rules(config: EdgeConfig) -> dict[str, StationRules]:
    """The polled chargers as the decisions know them."""
    return {
        device.id: StationRules(station_id=device.id, allowed_groups=device.allowed_groups)
        for device in config.modbus
        if device.is_charger
    }


def _run_rules(config: EdgeConfig) -> dict[str, RunRules]:
    """How the site runs their transactions."""
    return {
        device.id: RunRules(end_after=timedelta(minutes=device.end_after_min))
        for device in config.modbus
        if device.is_charger
    }


def _location(config: EdgeConfig) -> Location:
    place = config.location
    return Location(
        id=place.id,
        name=place.name,
        country_code=place.country_code,
        party_id=place.party_id,
        time_zone=place.time_zone,
        address=place.address,
        city=place.city,
        country=place.country,
        evses=tuple(evse for evses in (*map(_evses, config.stations), *map(_evses, config.modbus)) for evse in evses),
    )


def _evses(station: StationSettings | ModbusSettings) -> list[Evse]:
    return [
        Evse(
            station_id=station.id,
            evse_id=evse.id,
            label=evse.label,
            max_power_w=int(evse.max_power_kw * 1000),
            tariff_id=evse.tariff,
        )
        for evse in station.evses
    ]


def _tariffs(config: EdgeConfig) -> list[Tariff]:
    return [
        *(tariff.tariff(config.currency) for tariff in config.tariffs),
        *(sheet_tariff(sheet, config.currency) for sheet in config.time_of_use),
    ]


def _tariff_rule(rule: TariffRuleSettings) -> TariffRule:
    return TariffRule(
        tariff_id=rule.tariff,
        location_ids=rule.locations,
        station_ids=rule.stations,
        evse_labels=rule.evses,
        min_power_w=None if rule.min_power_kw is None else int(rule.min_power_kw * 1000),
        max_power_w=None if rule.max_power_kw is None else int(rule.max_power_kw * 1000),
        group_ids=rule.groups,
        contract_ids=rule.contracts,
    )


def _telemetry(chosen: TelemetrySettings) -> TelemetryRules:
    rules = default_rules()
    for measurand, wish in (
        (Measurand.POWER, chosen.power),
        (Measurand.POWER_OFFERED, chosen.power_offered),
        (Measurand.CURRENT, chosen.current),
        (Measurand.VOLTAGE, chosen.voltage),
        (Measurand.STATE_OF_CHARGE, chosen.state_of_charge),
        (Measurand.ENERGY_REGISTER, chosen.energy_register),
    ):
        usual = rules[measurand]
        rules[measurand] = MeasurandRule(
            deadband=usual.deadband if wish.deadband is None else wish.deadband,
            percent=usual.percent if wish.percent is None else wish.percent,
            min_interval=usual.min_interval if wish.min_s is None else timedelta(seconds=wish.min_s),
            max_interval=usual.max_interval if wish.max_s is None else timedelta(seconds=wish.max_s),
        )
    return TelemetryRules(rules, is_enabled=chosen.enabled)


def _certificate_rules(config: EdgeConfig) -> CertificateRules:
    """As the decisions know them."""
    chosen = config.certificates
    has_own = (authority_files.folder_of(config.data_dir) / authority_files.ISSUER).exists()
    return CertificateRules(
        is_signing=chosen.ca_file is not None or has_own,
        is_signing_v2g=config.iso15118.v2g_ca_file is not None,
        secc_ids={station.id: station.secc_ids for station in config.stations if station.secc_ids},
        renew_before=timedelta(days=chosen.renew_days),
        warn_before=timedelta(days=chosen.warn_days),
    )


def _job_rules(config: EdgeConfig) -> JobRules:
    return JobRules(
        at_once=config.jobs.at_once,
        step_timeout=timedelta(minutes=config.jobs.step_timeout_min),
        give_up_after=timedelta(hours=config.jobs.give_up_after_h),
    )


def _inventory_rules(config: EdgeConfig) -> InventoryRules:
    chosen = config.device_model
    return InventoryRules(
        is_enabled=chosen.ask_after_boot,
        settle=timedelta(seconds=chosen.settle_s),
        every=timedelta(seconds=chosen.every_s),
    )


def _receipt_rules(config: EdgeConfig) -> ReceiptRules:
    chosen = config.receipts
    return ReceiptRules(
        prefix=chosen.prefix or f"R-{config.edge_id}",
        statement_prefix=chosen.statement_prefix or f"S-{config.edge_id}",
        every_bill=chosen.every_bill,
    )


def _may_trigger(vendor: str | None, model: str | None, firmware: str | None) -> bool:
    return not quirks_of(vendor, model, firmware).questions.is_trigger_harmful
