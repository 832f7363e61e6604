"""One body of every kind of the event stream."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from protocols.charger.jobs import ApplyTemplateJob, StationPattern, StepStatus
from protocols.charger.operations.smart_charging import ChargingProfile, ChargingSchedule, SchedulePeriod
from protocols.charger.operations.variables import VariableName, VariableSetting
from protocols.sync import clock, comparing, customers, keeping, tariffs, up, upkeep
from protocols.sync.filters import DeviceClass, FilterChanged, MeasurandFilter
from protocols.sync.staff import SignInRefused, SignInRegained, StaffChange, StaffChanged
from protocols.sync.topics import Stream
from protocols.terms import (
    ChargingState,
    ConnectorStatus,
    Measurand,
)
from tests.protocols.sync.sample_things import CONTRACT, CUSTOMER, FIRMWARE, T0, T1, TARIFF, TOKEN

EVENT_BODIES = (
    SignInRefused(staff_id="anna", wrong=3, wait_s=5),
    up.ConnectorStatusChanged(
        station_id="CS-1",
        evse_id=1,
        connector_id=1,
        status=ConnectorStatus.OCCUPIED,
        charging_state=ChargingState.SUSPENDED_EV,
    ),
    up.StationConnectionChanged(station_id="CS-1", is_online=True, ocpp_version="2.0.1"),
    up.StationBooted(station_id="CS-1", vendor="Wallbox 电", model="M1", firmware_version="1.2"),
    up.IdTokenRefused(station_id="CS-1", token_uid="04FF", status="Unknown"),
    up.AlarmRaised(
        alarm_id="a-1", alarm="dead_letter", severity=up.Severity.CRITICAL, text="the hub refused entry 7 of money"
    ),
    up.AlarmCleared(alarm_id="a-1"),
    up.UnknownStopReceived(station_id="CS-1", charger_transaction_id="99", meter_stop_wh=5, ended_at=T1),
    up.CommandTaken(command_id="c-1", command="remote_start", expires_at=T1),
    up.CommandFinished(command_id="c-1", outcome=up.Outcome.ACCEPTED, result={"version": 3}),
    up.DocumentApplied(document="tokens", version=4),
    up.TokensChanged(source="hub", tokens=(TOKEN,), is_complete=True),
    up.UnknownStopSettled(station_id="CS-1", charger_transaction_id="99", transaction_id="tx-1"),
    upkeep.FirmwareAdded(file=FIRMWARE),
    upkeep.FirmwareRemoved(file_id="9f86d081884c7d65"),
    upkeep.JobBegun(
        job_id="edge-7-0f6f1f6e-12",
        job=ApplyTemplateJob(
            name="fleet",
            match=StationPattern(model="M*"),
            settings=(VariableSetting(name=VariableName(variable="HeartbeatInterval"), value="300"),),
        ),
        station_ids=("CS-1", "CS-2"),
        at_once=5,
        ends_at=T1,
    ),
    upkeep.JobStepChanged(
        job_id="edge-7-0f6f1f6e-12",
        station_id="CS-1",
        status=StepStatus.DONE,
        attempt=1,
        detail="1 of 1 taken",
        request_id=7,
        result={"variables": [{"variable": "HeartbeatInterval", "status": "Accepted", "is_equal": True}]},
    ),
    upkeep.JobEnded(job_id="edge-7-0f6f1f6e-12", done=1, failed=1, cancelled=0),
    upkeep.VariablesRead(
        station_id="CS-1",
        variables=(
            upkeep.VariableReading(
                "OCPPCommCtrlr", "HeartbeatInterval", "300", "ReadWrite", data_type="integer", unit="s"
            ),
        ),
        report_id=17,
        is_complete=True,
        identity=4_021_965,
    ),
    upkeep.ReportKept(
        station_id="CS-1",
        report="display_messages",
        request_id=9,
        seq_no=0,
        is_last=True,
        items=({"id": 1, "priority": "InFront", "message": {"format": "UTF8", "content": "你好"}},),
    ),
    upkeep.MonitorsLearned(station_id="CS-1", severities={4: 2, 5: None}),
    upkeep.MonitorEventsReported(
        station_id="CS-1", events=({"eventId": 1, "trigger": "Alerting", "actualValue": "91"},)
    ),
    upkeep.DeviationSeen(
        station_id="CS-1",
        vendor="Wallbox 电",
        model="M1",
        firmware_version="1.2",
        action="MeterValues",
        path="/meterValue/sampledValue/unit",
        problem="no word of the standard",
        remedy="entry left out",
        count=3,
        frame='[2,"1","MeterValues",{}]',
    ),
    upkeep.ChargingProfileSet(
        station_id="CS-1",
        evse_id=1,
        installed_at=T1,
        profile=ChargingProfile(
            purpose="TxDefaultProfile",
            profile_id=7,
            schedules=(
                ChargingSchedule(rate_unit="W", start_at=T1, periods=(SchedulePeriod(start_s=0, limit=6000.5),)),
            ),
        ),
    ),
    upkeep.ChargingProfileCleared(station_id="CS-1", profile_id=7),
    upkeep.ChargingLimitChanged(station_id="CS-1", source="EMS", evse_id=1, limit_w=4000, is_grid_critical=True),
    upkeep.ReservationMade(
        station_id="CS-1",
        reservation_id=7,
        evse_id=1,
        token_uid="04A1B2C3",
        group_id="fleet",
        contract_id="DE-OHM-C1",
        made_at=T0,
        expires_at=T1,
        session_id="edge-7-0f6f1f6e-r7",
        tariff=TARIFF,
    ),
    upkeep.ReservationEnded(
        station_id="CS-1",
        reservation_id=7,
        session_id="edge-7-0f6f1f6e-r7",
        reason=upkeep.ReservationEnd.USED,
        ended_at=T1,
        transaction_id="tx-1",
    ),
    upkeep.LocalListSettled(
        station_id="CS-1",
        firmware_version="1.2",
        version=9,
        tokens_version=8,
        checksum="0f6f1f6e5a5b4c439f550f8d7f4a7c11",
        tokens=41,
        left_out=1,
    ),
    upkeep.AvailabilityChanged(station_id="CS-1", evse_id=1, is_operative=False, is_scheduled=True),
    upkeep.StationAccepted(station_id="CS-1"),
    upkeep.SecurityEventSeen(
        station_id="CS-1",
        type="TamperDetectionActivated",
        count=7,
        is_critical=True,
        reported_at=T0,
        tech_info="door open",
        left_out=2,
    ),
    upkeep.CertificateIssued(
        station_id="CS-1",
        certificate_type="ChargingStationCertificate",
        serial_number="0A1B2C",
        common_name="CS-1",
        fingerprint="ab" * 32,
        not_before=T0,
        not_after=T1,
        certificate="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    ),
    upkeep.CertificateAccepted(station_id="CS-1", serial_number="0A1B2C", not_before=T0, not_after=T1),
    upkeep.CertificateRevoked(station_id="CS-1", serial_number="0A1B2C"),
    upkeep.InstalledCertificatesReported(
        station_id="CS-1",
        certificates=(
            {
                "certificate_type": "CSMSRootCertificate",
                "hash_algorithm": "SHA256",
                "issuer_name_hash": "aa",
                "issuer_key_hash": "bb",
                "serial_number": "1f",
                "children": [],
            },
        ),
    ),
    upkeep.StationPasswordChanged(
        station_id="CS-1", stage="offered", hashes=("blake2b$00$11",), instead_of="blake2b$22$33"
    ),
    upkeep.StationSecurityProfileChanged(station_id="CS-1", stage="adopted", security_profile=3, instead_of=2),
    customers.CustomersChanged(
        source="site", customers=(CUSTOMER,), contracts=(CONTRACT,), is_complete=True, by="operator"
    ),
    customers.ElsewhereTold(as_of=T0, balances={"DE-OHM-C1": Decimal("4.10")}),
    customers.WalletSpent(
        transaction_id="tx-1",
        contract_id="DE-OHM-C1",
        station_id="CS-1",
        evse_id=1,
        cost=Decimal("11.80"),
        held=Decimal("12.00"),
        currency="EUR",
    ),
    customers.WalletOverdrawn(contract_id="DE-OHM-C1", amount=Decimal("0.35"), currency="EUR", is_shared=True),
    customers.DunningStepTaken(
        contract_id="DE-OHM-C2",
        step=2,
        action="block",
        blocks=True,
        overdue=Decimal("81.20"),
        currency="EUR",
        due_on="2026-02-14",
    ),
    tariffs.TariffsChanged(tariffs=(TARIFF,), is_complete=True),
    keeping.EntriesShed(stream=Stream.TELEMETRY, count=5000, first_seq=1201, last_seq=6200),
    SignInRegained(staff_id="anna", wrong=3),
    StaffChanged(
        changes=(StaffChange(staff_id="anna", name="Anna", role="supervisor", was_role="cashier", is_pin_new=True),)
    ),
    FilterChanged(version=5, classes={DeviceClass.EVSE: {Measurand.POWER: MeasurandFilter(deadband=250, percent=3)}}),
    clock.ClockNoted(
        boot_id="88c49fdc-774e-4ab0-8fde-ee2aa15dc142",
        monotonic_ms=86_400_017,
        quality=clock.ClockQuality.STEPPED,
        money_seq=12,
        telemetry_seq=0,
        step_ms=-7_200_000,
        has_rtc=False,
    ),
    comparing.DaySummed(
        stream=Stream.MONEY,
        day=date(2026, 3, 2),
        first_seq=5,
        last_seq=20,
        count=16,
        hash="ab" * 32,
        bills=2,
        energy_wh=20_202,
        amounts={"EUR": Decimal("10.82")},
    ),
)
