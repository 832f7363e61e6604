"""OCPP 1.6: every message that Ohmstead takes from a station, in one table."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from protocols.charger.abilities import OCPP_16
from protocols.charger.operations.transactions import StartTransaction, StopTransaction
from protocols.ocpp.dialect import Decided, Dialect, Immediate, Operated, no_content
from protocols.ocpp.outcome import read_status
from protocols.ocpp.v16.authorization import read_authorize, render_authorize
from protocols.ocpp.v16.availability import read_status_notification
from protocols.ocpp.v16.data_transfer import answer_data_transfer
from protocols.ocpp.v16.metering import read_meter_values
from protocols.ocpp.v16.provisioning import answer_heartbeat, read_boot_notification, render_boot_notification
from protocols.ocpp.v16.remote_control import render_start_transaction as render_remote_start
from protocols.ocpp.v16.remote_control import render_stop_transaction as render_remote_stop
from protocols.ocpp.v16.transactions import (
    read_start_transaction,
    read_stop_transaction,
    render_start_transaction,
    render_stop_transaction,
)
from protocols.ocpp.version import Version

DIALECT: Final = Dialect(
    version=Version.V16,
    abilities=OCPP_16,
    requests=MappingProxyType(
        {
            "Authorize": Decided(read_authorize, render_authorize),
            "BootNotification": Decided(read_boot_notification, render_boot_notification),
            "DataTransfer": Immediate(answer_data_transfer),
            "Heartbeat": Immediate(answer_heartbeat),
            "MeterValues": Decided(read_meter_values, no_content),
            "StartTransaction": Decided(read_start_transaction, render_start_transaction),
            "StatusNotification": Decided(read_status_notification, no_content),
            "StopTransaction": Decided(read_stop_transaction, render_stop_transaction),
        }
    ),
    operations=MappingProxyType(
        {
            StartTransaction: Operated(("RemoteStartTransaction",), render_remote_start, read_status),
            StopTransaction: Operated(("RemoteStopTransaction",), render_remote_stop, read_status),
        }
    ),
)
