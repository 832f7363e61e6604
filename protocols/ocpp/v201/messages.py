"""OCPP 2.0.1: every message that Ohmstead takes from a station, and all that a station can be asked, in two tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from protocols.charger.abilities import OCPP_201
from protocols.charger.operations.availability import (
    CancelReservation,
    ChangeAvailability,
    ClearCache,
    GetLocalListVersion,
    ReserveNow,
    SendLocalList,
)
from protocols.charger.operations.certificates import (
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    SendSignedCertificate,
)
from protocols.charger.operations.firmware import GetLog, PublishFirmware, UnpublishFirmware, UpdateFirmware
from protocols.charger.operations.messages import (
    ClearDisplayMessage,
    GetDisplayMessages,
    SetDisplayMessage,
    TransferData,
)
from protocols.charger.operations.monitoring import (
    ClearVariableMonitoring,
    GetCustomerInformation,
    GetMonitoringReport,
    SetMonitoringBase,
    SetMonitoringLevel,
    SetVariableMonitoring,
)
from protocols.charger.operations.smart_charging import (
    ClearChargingProfile,
    GetChargingProfiles,
    GetCompositeSchedule,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import (
    GetTransactionStatus,
    StartTransaction,
    StopTransaction,
    UnlockConnector,
    UpdateCost,
)
from protocols.charger.operations.variables import (
    GetBaseReport,
    GetReport,
    GetVariables,
    Reset,
    SetNetworkProfile,
    SetVariables,
    TriggerMessage,
)
from protocols.ocpp.dialect import Decided, Dialect, Immediate, Operated, Payload, Relayed, no_content
from protocols.ocpp.outcome import accepting, read_status
from protocols.ocpp.v201 import certificates as certificate_block
from protocols.ocpp.v201 import (
    data_transfer,
    diagnostics,
    display,
    firmware,
    iso15118,
    local_lists,
    metering,
    provisioning,
    remote_control,
    reports,
    reservations,
    smart_charging,
    tariff_and_cost,
    transactions,
    variables,
)
from protocols.ocpp.v201.availability import read_status_notification, write_change_availability
from protocols.ocpp.v201.datatypes import render_judged
from protocols.ocpp.v201.raw_calls import RAW
from protocols.ocpp.version import Version
from protocols.ocpp.writing import Read, one_call

REQUESTS: Final[Mapping[str, Decided | Relayed | Immediate]] = MappingProxyType(
    {
        "Authorize": Relayed(iso15118.read_contract_authorize, iso15118.render_contract_authorize),
        "BootNotification": Decided(provisioning.read_boot_notification, provisioning.render_boot_notification),
        "ClearedChargingLimit": Decided(smart_charging.read_cleared_charging_limit, no_content),
        "DataTransfer": Decided(data_transfer.read_data_transfer, data_transfer.render_data_transfer),
        "FirmwareStatusNotification": Decided(firmware.read_firmware_status, no_content),
        "Get15118EVCertificate": Relayed(
            iso15118.read_get_15118_ev_certificate, iso15118.render_get_15118_ev_certificate
        ),
        "GetCertificateStatus": Relayed(iso15118.read_get_certificate_status, iso15118.render_get_certificate_status),
        "Heartbeat": Immediate(provisioning.answer_heartbeat),
        "LogStatusNotification": Decided(diagnostics.read_log_status, no_content),
        "MeterValues": Decided(metering.read_meter_values, no_content),
        "NotifyChargingLimit": Decided(smart_charging.read_notify_charging_limit, no_content),
        "NotifyCustomerInformation": Decided(diagnostics.read_notify_customer_information, no_content),
        "NotifyDisplayMessages": Decided(display.read_notify_display_messages, no_content),
        "NotifyEVChargingNeeds": Decided(smart_charging.read_notify_ev_charging_needs, render_judged),
        "NotifyEVChargingSchedule": Decided(smart_charging.read_notify_ev_charging_schedule, render_judged),
        "NotifyEvent": Decided(diagnostics.read_notify_event, no_content),
        "NotifyMonitoringReport": Decided(reports.read_notify_monitoring_report, no_content),
        "NotifyReport": Decided(reports.read_notify_report, no_content),
        "PublishFirmwareStatusNotification": Decided(firmware.read_publish_firmware_status, no_content),
        "ReportChargingProfiles": Decided(smart_charging.read_report_charging_profiles, no_content),
        "ReservationStatusUpdate": Decided(reservations.read_reservation_status_update, no_content),
        "SecurityEventNotification": Decided(certificate_block.read_security_event, no_content),
        "SignCertificate": Relayed(certificate_block.read_sign_certificate, render_judged),
        "StatusNotification": Decided(read_status_notification, no_content),
        "TransactionEvent": Decided(transactions.read_transaction_event, transactions.render_transaction_event),
    }
)


def operations(version: Version) -> Mapping[type, Operated]:
    """All that a station can be asked, as `version` checks it: 2.1 has the same calls with wider bounds."""
    table: dict[type, tuple[str, Callable[[Any], Payload], Read]] = {
        # B: provisioning
        GetBaseReport: ("GetBaseReport", variables.write_get_base_report, accepting("EmptyResultSet")),
        GetReport: ("GetReport", reports.write_get_report, accepting("EmptyResultSet")),
        GetVariables: ("GetVariables", variables.write_get_variables, variables.read_get_variables),
        Reset: ("Reset", variables.write_reset, read_status),
        SetNetworkProfile: ("SetNetworkProfile", variables.write_set_network_profile, read_status),
        SetVariables: ("SetVariables", variables.write_set_variables, variables.read_set_variables),
        # C, D: the station's cache and list
        ClearCache: ("ClearCache", local_lists.write_clear_cache, read_status),
        GetLocalListVersion: (
            "GetLocalListVersion",
            local_lists.write_get_local_list_version,
            local_lists.read_get_local_list_version,
        ),
        SendLocalList: ("SendLocalList", local_lists.write_send_local_list, read_status),
        # E, F, G, I: transactions, remote control, availability, cost
        ChangeAvailability: ("ChangeAvailability", write_change_availability, read_status),
        GetTransactionStatus: (
            "GetTransactionStatus",
            transactions.write_get_transaction_status,
            transactions.read_get_transaction_status,
        ),
        StartTransaction: (
            "RequestStartTransaction",
            remote_control.write_request_start,
            remote_control.read_request_start,
        ),
        StopTransaction: ("RequestStopTransaction", remote_control.write_request_stop, read_status),
        TriggerMessage: ("TriggerMessage", remote_control.write_trigger_message, read_status),
        UnlockConnector: ("UnlockConnector", remote_control.write_unlock_connector, read_status),
        UpdateCost: ("CostUpdated", tariff_and_cost.write_cost_updated, tariff_and_cost.read_cost_updated),
        # H: reservations
        CancelReservation: ("CancelReservation", reservations.write_cancel_reservation, read_status),
        ReserveNow: ("ReserveNow", reservations.write_reserve_now, read_status),
        # K: smart charging
        ClearChargingProfile: ("ClearChargingProfile", smart_charging.write_clear_charging_profile, read_status),
        GetChargingProfiles: (
            "GetChargingProfiles",
            smart_charging.write_get_charging_profiles,
            accepting("NoProfiles"),
        ),
        GetCompositeSchedule: (
            "GetCompositeSchedule",
            smart_charging.write_get_composite_schedule,
            smart_charging.read_get_composite_schedule,
        ),
        SetChargingProfile: ("SetChargingProfile", smart_charging.write_set_charging_profile, read_status),
        # L: firmware
        PublishFirmware: ("PublishFirmware", firmware.write_publish_firmware, read_status),
        UnpublishFirmware: ("UnpublishFirmware", firmware.write_unpublish_firmware, firmware.read_unpublish_firmware),
        UpdateFirmware: ("UpdateFirmware", firmware.write_update_firmware, read_status),
        # A, M: certificates
        DeleteCertificate: ("DeleteCertificate", certificate_block.write_delete_certificate, read_status),
        GetInstalledCertificateIds: (
            "GetInstalledCertificateIds",
            certificate_block.write_get_installed_certificate_ids,
            certificate_block.read_get_installed_certificate_ids,
        ),
        InstallCertificate: ("InstallCertificate", certificate_block.write_install_certificate, read_status),
        SendSignedCertificate: ("CertificateSigned", certificate_block.write_certificate_signed, read_status),
        # N: diagnostics
        ClearVariableMonitoring: (
            "ClearVariableMonitoring",
            diagnostics.write_clear_variable_monitoring,
            diagnostics.read_clear_variable_monitoring,
        ),
        GetCustomerInformation: ("CustomerInformation", diagnostics.write_customer_information, read_status),
        GetLog: ("GetLog", diagnostics.write_get_log, diagnostics.read_get_log),
        GetMonitoringReport: (
            "GetMonitoringReport",
            reports.write_get_monitoring_report,
            accepting("EmptyResultSet"),
        ),
        SetMonitoringBase: ("SetMonitoringBase", diagnostics.write_set_monitoring_base, read_status),
        SetMonitoringLevel: ("SetMonitoringLevel", diagnostics.write_set_monitoring_level, read_status),
        SetVariableMonitoring: (
            "SetVariableMonitoring",
            diagnostics.write_set_variable_monitoring,
            diagnostics.read_set_variable_monitoring,
        ),
        # O, P: display messages, data transfer
        ClearDisplayMessage: ("ClearDisplayMessage", display.write_clear_display_message, read_status),
        GetDisplayMessages: ("GetDisplayMessages", display.write_get_display_messages, accepting("Unknown")),
        SetDisplayMessage: ("SetDisplayMessage", display.write_set_display_message, read_status),
        TransferData: ("DataTransfer", data_transfer.write_data_transfer, data_transfer.read_transferred),
    }
    return MappingProxyType({kind: one_call(version, *row) for kind, row in table.items()})


DIALECT: Final = Dialect(
    version=Version.V201, abilities=OCPP_201, requests=REQUESTS, operations=operations(Version.V201), raw=RAW
)
