"""One message of every kind of the contract."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from protocols.charger.jobs import ApplyTemplateJob, FirmwareFile, StationPattern, StepStatus, UpdateFirmwareJob
from protocols.charger.operations.smart_charging import ChargingProfile, ChargingSchedule, SchedulePeriod
from protocols.charger.operations.variables import VariableName, VariableSetting
from protocols.money import Price
from protocols.ocpi.cdr import Cdr, ChargingPeriod, PriceLine, SignedData, SignedValue
from protocols.ocpi.customer import Billing, Contract, Customer, StatementPeriod, Vehicle
from protocols.ocpi.location import Evse, Location
from protocols.ocpi.tariff import PriceComponent, Tariff, TariffDimensionType, TariffElement
from protocols.ocpi.token import Token
from protocols.sync import customers, down, payments, present, receipts, tariffs, up, upkeep
from protocols.sync.corrections import BillDecided
from protocols.sync.proof import ChainSealed
from protocols.sync.staff import SignInRefused
from protocols.sync.topics import Stream
from protocols.terms import (
    BalancePart,
    BillDecision,
    ChargingState,
    ConnectorStatus,
    EvseState,
    Measurand,
    MeterRole,
    ReadingContext,
)

EPOCH = "0f6f1f6e-5a5b-4c43-9f55-0f8d7f4a7c11"
T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
T1 = T0 + timedelta(hours=1, minutes=30)

TOKEN = Token(uid="04A1B2C3", contract_id="DE-OHM-C1", group_id="fleet", expires_at=T1, visual_number="№ 7")
CUSTOMER = Customer(
    id="K-7",
    name="Jürgen Möller 电",
    language="de",
    email="j@example.org",
    phone="+49 30 1",
    vehicles=(Vehicle(plate="B-AB 123", name="van"),),
    note="pays in cash",
)
CONTRACT = Contract(
    id="DE-OHM-C1",
    customer_id="K-7",
    billing=Billing.PREPAID,
    currency="EUR",
    offline_limit=Decimal("20.00"),
    statement_period=StatementPeriod.NONE,
    expires_at=T1,
)
TARIFF = Tariff(
    id="standard",
    currency="EUR",
    elements=(
        TariffElement(
            price_components=(
                PriceComponent(
                    type=TariffDimensionType.ENERGY, price=Decimal("0.45"), vat=Decimal("19"), step_size=100
                ),
            )
        ),
    ),
    last_updated=T0,
)
FIRMWARE = FirmwareFile(
    file_id="9f86d081884c7d65",
    name="m1-1.3.bin",
    vendor="Wallbox 电",
    model="M1",
    version="1.3",
    size_bytes=4,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)
PRICE = Price(excl_vat=Decimal("4.55"), incl_vat=Decimal("5.41"))
CDR = Cdr(
    id="cdr-1",
    session_id="tx-1",
    location_id="L1",
    station_id="CS-1",
    evse_id=1,
    token_uid="04A1B2C3",
    contract_id="DE-OHM-C1",
    start_date_time=T0,
    end_date_time=T1,
    meter_start_wh=1000,
    meter_stop_wh=11_101,
    total_energy_wh=10_101,
    total_time_s=5400,
    total_parking_time_s=0,
    currency="EUR",
    tariff=TARIFF,
    charging_periods=(ChargingPeriod(start_date_time=T0, energy_wh=10_101, time_s=5400),),
    lines=(
        PriceLine(
            type=TariffDimensionType.ENERGY,
            quantity=10_101,
            billed_quantity=10_200,
            price=Decimal("0.45"),
            vat=Decimal("19"),
            cost=PRICE,
        ),
    ),
    total_cost=PRICE,
    stop_reason="EVDisconnected",
    rounding_rule="line-half-up-2",
    engine="1",
    signed_data=SignedData(
        encoding_method="OCMF",
        signed_values=(
            SignedValue(nature="Start", signed_data="OCMF|{}|{}"),
            SignedValue(nature="End", signed_data="OCMF|{}|{}", plain_data="11101 Wh"),
        ),
        public_key="30 59",
    ),
)

MONEY_BODIES = (
    up.TransactionStarted(
        transaction_id="tx-1",
        charger_transaction_id="17",
        station_id="CS-1",
        evse_id=1,
        connector_id=1,
        token_uid="04A1B2C3",
        contract_id="DE-OHM-C1",
        meter_start_wh=1000,
        started_at=T0,
        tariff_id="standard",
        currency="EUR",
    ),
    up.TransactionEnded(
        transaction_id="tx-1",
        station_id="CS-1",
        evse_id=1,
        meter_stop_wh=11_101,
        ended_at=T1,
        reason="EVDisconnected",
    ),
    up.CdrIssued(cdr=CDR),
    up.CdrQuarantined(cdr=CDR),
    up.PostingMade(
        posting_id="p-1",
        key="cdr:cdr-1",
        cdr_id="cdr-1",
        currency="EUR",
        legs=(
            up.PostingLeg(account="customer:DE-OHM-C1", amount=Decimal("5.41")),
            up.PostingLeg(account="revenue", amount=Decimal("-4.55")),
            up.PostingLeg(account="vat", amount=Decimal("-0.86")),
        ),
    ),
    ChainSealed(through_seq=17, count=9, hash="ab" * 32, since_seq=4, since_count=3, since_hash="cd" * 32),
    up.TransactionHandedOver(transaction_id="tx-1", station_id="CS-1", evse_id=1, to_edge_id="edge-2", moves=1),
    up.TransactionTakenOver(
        transaction_id="tx-1",
        charger_transaction_id="17",
        station_id="CS-1",
        evse_id=1,
        connector_id=1,
        start_key="1.1|2026-03-02T06:00:00+00:00|1000|04A1B2C3",
        token_uid="04A1B2C3",
        contract_id="DE-OHM-C1",
        meter_start_wh=1000,
        started_at=T0,
        tariff_id="standard",
        currency="EUR",
        moves=1,
    ),
    up.TransactionMerged(transaction_id="tx-1", into_transaction_id="tx-2", station_id="CS-1", evse_id=1),
    receipts.ReceiptIssued(
        number="R-edge-1-000007", count=7, of=receipts.ReceiptKind.CDR, ref="cdr-1", issued_at=T1, by="anna"
    ),
    receipts.StatementMade(
        number="S-edge-1-000002",
        count=2,
        contract_id="DE-OHM-C1",
        period="2026-02",
        since=T0,
        until=T1,
        currency="EUR",
        opening=Decimal("1.00"),
        billed=Decimal("5.41"),
        paid=Decimal("-3.00"),
        credited=Decimal("0.00"),
        other=Decimal("0.00"),
        closing=Decimal("3.41"),
        through_seq=9,
        issued_at=T1,
        due_on=date(2026, 3, 16),
    ),
    payments.PaymentChanged(
        payment=payments.Payment(
            payment_id="edge-1-0f6f1f6e-9",
            request_key="till-1/42",
            method=payments.PaymentMethod.CASH,
            amount=Decimal("5.41"),
            currency="EUR",
            contract_id="DE-OHM-C1",
            state=payments.PaymentState.TAKEN,
            at=T1,
            by="anna",
            cdr_id="cdr-1",
            till_session_id="edge-1-0f6f1f6e-8",
            given=Decimal("10.00"),
            change=Decimal("4.59"),
        )
    ),
    payments.TillChanged(
        session=payments.TillSession(
            session_id="edge-1-0f6f1f6e-8",
            till_id="kiosk",
            staff_id="anna",
            currency="EUR",
            request_key="open-1",
            opened_at=T0,
            opening=Decimal("100.00"),
            expected=Decimal("105.41"),
            closed_at=T1,
            counted=Decimal("105.40"),
            difference=Decimal("-0.01"),
            close_key="close-1",
            closed_by="anna",
        )
    ),
    payments.TillMoved(
        session_id="edge-1-0f6f1f6e-8", request_key="move-1", amount=Decimal("-50.00"), reason="to the safe", by="anna"
    ),
    payments.ProviderReconciled(
        provider="terminal",
        day=date(2026, 3, 2),
        matched=3,
        taken=Decimal("61.20"),
        differences=(
            payments.Difference(
                mismatch=payments.Mismatch.MISSING_HERE,
                payment_id="edge-1-0f6f1f6e-11",
                ours=Decimal("20.00"),
                theirs=Decimal("20.00"),
                is_settled=True,
            ),
        ),
        by="agent",
    ),
    BillDecided(
        cdr_id="cdr-1",
        session_id="tx-1",
        decision=BillDecision.CORRECTED,
        reason="the meter was wrong",
        by="anna",
        second_by="bert",
        credit_cdr_id="cdr-2",
        new_cdr_id="cdr-3",
        request_key="k-1",
    ),
)
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
)
TELEMETRY_BODIES = (
    up.MeterValuesSampled(
        station_id="CS-1",
        evse_id=1,
        transaction_id="tx-1",
        at=T0,
        samples=(
            up.SampledValue(Measurand.ENERGY_REGISTER, 4200, context=ReadingContext.TRANSACTION_END, after_ms=1500),
            up.SampledValue(Measurand.VOLTAGE, 231_400, "L1-N"),
        ),
        dropped=41,
    ),
)
ENTRIES = tuple(
    up.Entry(stream=stream, seq=seq, at=T0, body=body)
    for stream, bodies in (
        (Stream.MONEY, MONEY_BODIES),
        (Stream.EVENT, EVENT_BODIES),
        (Stream.TELEMETRY, TELEMETRY_BODIES),
    )
    for seq, body in enumerate(bodies, 1)
)

LIVE = present.EvseLive(
    station_id="CS-1",
    evse_id=1,
    state=EvseState.CHARGING,
    power_w=11_000,
    energy_wh=5050,
    state_of_charge_percent=61,
    transaction_id="tx-1",
    cost=Decimal("2.27"),
)
METER = present.MeterLive(
    meter_id="GRID",
    role=MeterRole.FEEDER,
    profile_id="janitza_umg",
    vendor="Janitza",
    model="UMG 604",
    serial_number="70012",
    is_online=True,
    power_w=-4_800,
    power_read_at=T0,
    phases=(present.PhaseLive(phase="L1", power_w=-1_600, current_ma=6_956, voltage_mv=230_100),),
    energy_import_wh=81_230,
    energy_export_wh=20_400,
    frequency_mhz=50_010,
    power_factor_per_mille=-990,
    read_at=T1,
)
BAY = present.MeterLive(meter_id="BAY", role=MeterRole.EVSE, profile_id="eastron_sdm630", station_id="CS-1", evse_id=1)
BALANCE = (
    present.FlowLive(part=BalancePart.GRID, power_w=-4_800, read_at=T0),
    present.FlowLive(part=BalancePart.REST),
)
LOCATION = Location(
    id="L1",
    name="Market Square",
    country_code="DE",
    party_id="OHM",
    time_zone="Europe/Berlin",
    evses=(Evse(station_id="CS-1", evse_id=1, label="A1", max_power_w=22_000, tariff_id="standard"),),
)
MESSAGES = {
    "birth": present.Birth(
        edge_id="edge-7",
        epoch=EPOCH,
        software_version="0.1.0",
        at=T0,
        location=LOCATION,
        evses=(LIVE,),
        streams=(present.StreamPosition(stream=Stream.MONEY, last_seq=12, acked_seq=10, first_seq=3),),
        documents={"tokens": 4},
        meters=(METER, BAY),
        balance=BALANCE,
    ),
    "state": present.EdgeState(status="offline", epoch=EPOCH),
    "live": present.Live(epoch=EPOCH, at=T0, evses=(LIVE,), meters=(METER, BAY), balance=BALANCE),
    "ack": down.Ack(
        epoch=EPOCH, stream=Stream.MONEY, seq=12, rejected=(down.RejectedEntry(seq=7, reason="no such tariff"),)
    ),
    "desired_tokens": down.DesiredTokens(version=4, tokens=(TOKEN,)),
    "desired_accounts": down.DesiredAccounts(
        version=2, customers=(CUSTOMER,), contracts=(CONTRACT,), balances={"DE-OHM-C1": Decimal("-12.50")}, as_of=T0
    ),
    "desired_tariffs": down.DesiredTariffs(version=3, tariffs=(TARIFF,)),
    "command_remote_start": down.Command(
        id="c-1",
        issued_at=T0,
        expires_at=T1,
        body=down.RemoteStart(station_id="CS-1", evse_id=1, token_uid="04A1B2C3"),
    ),
    "command_remote_stop": down.Command(
        id="c-2", issued_at=T0, expires_at=T1, body=down.RemoteStop(transaction_id="tx-1")
    ),
    "command_start_job": down.Command(
        id="c-9",
        issued_at=T0,
        expires_at=T1,
        body=down.StartJob(
            job=UpdateFirmwareJob(file_id=FIRMWARE.file_id), match=StationPattern(model="M*"), at_once=10
        ),
    ),
    "command_cancel_job": down.Command(
        id="c-10", issued_at=T0, expires_at=T1, body=down.CancelJob(job_id="edge-7-0f6f1f6e-12")
    ),
}
