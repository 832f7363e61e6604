"""OCPP 1.6 with its security extension: every message that Ohmstead takes from a station and every operation that a
station can be asked for, in one table each."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from protocols.charger.abilities import OCPP_16
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
from protocols.charger.operations.firmware import GetDiagnostics, GetLog, UpdateFirmware
from protocols.charger.operations.messages import TransferData
from protocols.charger.operations.smart_charging import (
    ClearChargingProfile,
    GetCompositeSchedule,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import (
    ShowPrice,
    StartTransaction,
    StopTransaction,
    UnlockConnector,
    UpdateCost,
)
from protocols.charger.operations.variables import GetBaseReport, GetVariables, Reset, SetVariables, TriggerMessage
from protocols.ocpp.dialect import Decided, Dialect, Immediate, Operated, Relayed, no_content
from protocols.ocpp.v16 import (
    authorization,
    availability,
    configuration,
    cost_display,
    data_transfer,
    diagnostics,
    firmware,
    metering,
    provisioning,
    remote_control,
    reservations,
    security,
    smart_charging,
    transactions,
)
from protocols.ocpp.v16.raw_calls import RAW
from protocols.ocpp.v16.wording import read_status
from protocols.ocpp.version import Version

DIALECT: Final = Dialect(
    version=Version.V16,
    abilities=OCPP_16,
    raw=RAW,
    requests=MappingProxyType(
        {
            "Authorize": Decided(authorization.read_authorize, authorization.render_authorize),
            "BootNotification": Decided(provisioning.read_boot_notification, provisioning.render_boot_notification),
            "DataTransfer": Decided(data_transfer.read_data_transfer, data_transfer.render_data_transfer),
            "DiagnosticsStatusNotification": Decided(diagnostics.read_diagnostics_status, no_content),
            "FirmwareStatusNotification": Decided(firmware.read_firmware_status, no_content),
            "Heartbeat": Immediate(provisioning.answer_heartbeat),
            "LogStatusNotification": Decided(diagnostics.read_log_status, no_content),
            "MeterValues": Decided(metering.read_meter_values, no_content),
            "SecurityEventNotification": Decided(security.read_security_event, no_content),
            "SignCertificate": Relayed(security.read_sign_certificate, security.render_sign_certificate),
            "SignedFirmwareStatusNotification": Decided(firmware.read_signed_firmware_status, no_content),
            "StartTransaction": Decided(transactions.read_start_transaction, transactions.render_start_transaction),
            "StatusNotification": Decided(availability.read_status_notification, no_content),
            "StopTransaction": Decided(transactions.read_stop_transaction, transactions.render_stop_transaction),
        }
    ),
    operations=MappingProxyType(
        {
            StartTransaction: Operated(
                ("RemoteStartTransaction",), remote_control.render_start_transaction, read_status
            ),
            StopTransaction: Operated(("RemoteStopTransaction",), remote_control.render_stop_transaction, read_status),
            UnlockConnector: Operated(("UnlockConnector",), remote_control.render_unlock_connector, read_status),
            TriggerMessage: Operated(
                ("TriggerMessage", "ExtendedTriggerMessage"), remote_control.render_trigger_message, read_status
            ),
            Reset: Operated(("Reset",), provisioning.render_reset, read_status),
            ChangeAvailability: Operated(("ChangeAvailability",), availability.render_change_availability, read_status),
            SetVariables: Operated(
                ("ChangeConfiguration",), configuration.render_set_variables, configuration.read_set_variables
            ),
            GetVariables: Operated(
                ("GetConfiguration",), configuration.render_get_variables, configuration.read_get_variables
            ),
            GetBaseReport: Operated(
                ("GetConfiguration",), configuration.render_get_base_report, configuration.read_get_base_report
            ),
            ClearCache: Operated(("ClearCache",), authorization.render_clear_cache, read_status),
            SendLocalList: Operated(("SendLocalList",), authorization.render_send_local_list, read_status),
            GetLocalListVersion: Operated(
                ("GetLocalListVersion",),
                authorization.render_get_local_list_version,
                authorization.read_local_list_version,
            ),
            ReserveNow: Operated(("ReserveNow",), reservations.render_reserve_now, read_status),
            CancelReservation: Operated(("CancelReservation",), reservations.render_cancel_reservation, read_status),
            SetChargingProfile: Operated(
                ("SetChargingProfile",), smart_charging.render_set_charging_profile, read_status
            ),
            ClearChargingProfile: Operated(
                ("ClearChargingProfile",), smart_charging.render_clear_charging_profile, read_status
            ),
            GetCompositeSchedule: Operated(
                ("GetCompositeSchedule",),
                smart_charging.render_get_composite_schedule,
                smart_charging.read_composite_schedule,
            ),
            UpdateFirmware: Operated(
                ("UpdateFirmware", "SignedUpdateFirmware"),
                firmware.render_update_firmware,
                firmware.read_update_firmware,
            ),
            GetDiagnostics: Operated(
                ("GetDiagnostics",), diagnostics.render_get_diagnostics, diagnostics.read_diagnostics
            ),
            GetLog: Operated(("GetLog",), diagnostics.render_get_log, diagnostics.read_log),
            TransferData: Operated(
                ("DataTransfer",), data_transfer.render_transfer_data, data_transfer.read_transferred
            ),
            UpdateCost: Operated(("DataTransfer",), cost_display.render_update_cost, read_status),
            ShowPrice: Operated(("DataTransfer",), cost_display.render_show_price, read_status),
            SendSignedCertificate: Operated(("CertificateSigned",), security.render_certificate_signed, read_status),
            InstallCertificate: Operated(("InstallCertificate",), security.render_install_certificate, read_status),
            GetInstalledCertificateIds: Operated(
                ("GetInstalledCertificateIds",),
                security.render_get_installed_certificate_ids,
                security.read_installed_certificate_ids,
            ),
            DeleteCertificate: Operated(("DeleteCertificate",), security.render_delete_certificate, read_status),
        }
    ),
)
