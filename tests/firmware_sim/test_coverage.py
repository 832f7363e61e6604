"""No request of a CSMS is left without a handler, in any version; what 2.1 has beyond 2.0.1 is said to be missing."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest
from ocpp.v16 import call as call16
from ocpp.v21 import call as call21
from ocpp.v201 import call as call201

from firmware_sim.settings import OcppVersion
from tests.firmware_sim.desk import MOUTHS, FakeDesk

SAID_16 = frozenset({
    "Authorize", "BootNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification",
    "Heartbeat", "LogStatusNotification", "MeterValues", "SecurityEventNotification", "SignCertificate",
    "SignedFirmwareStatusNotification", "StartTransaction", "StatusNotification", "StopTransaction",
})  # fmt: skip
SAID_201 = frozenset({
    "Authorize", "BootNotification", "ClearedChargingLimit", "FirmwareStatusNotification",
    "Get15118EVCertificate", "GetCertificateStatus", "Heartbeat", "LogStatusNotification", "MeterValues",
    "NotifyChargingLimit", "NotifyCustomerInformation", "NotifyDisplayMessages", "NotifyEVChargingNeeds",
    "NotifyEVChargingSchedule", "NotifyEvent", "NotifyMonitoringReport", "NotifyReport",
    "PublishFirmwareStatusNotification", "ReportChargingProfiles", "ReservationStatusUpdate",
    "SecurityEventNotification", "SignCertificate", "StatusNotification", "TransactionEvent",
})  # fmt: skip
"""What stations say; DataTransfer goes both ways."""


def actions(module: ModuleType) -> set[str]:
    return {name for name, kind in vars(module).items() if inspect.isclass(kind) and kind.__module__ == module.__name__}


@pytest.mark.parametrize(
    ("version", "module", "said"), [(OcppVersion.V16, call16, SAID_16), (OcppVersion.V201, call201, SAID_201)]
)
def test_every_request_has_a_handler(version: OcppVersion, module: ModuleType, said: frozenset[str]) -> None:
    mouth, _ = MOUTHS[version]
    assert set(mouth.routes(FakeDesk(version))) == actions(module) - said


def test_21_takes_what_it_shares_with_201() -> None:
    mouth, _ = MOUTHS[OcppVersion.V21]
    handled = set(mouth.routes(FakeDesk(OcppVersion.V21)))
    assert handled == (actions(call201) - SAID_201) & actions(call21)
