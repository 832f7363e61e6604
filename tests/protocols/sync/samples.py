"""One message of every kind of the contract, and an entry for each body."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from protocols.charger.jobs import StationPattern, UpdateFirmwareJob
from protocols.charger.operations.variables import Reset
from protocols.ocpi.location import Evse, Location
from protocols.sync import blocks, down, present, up
from protocols.sync.account_lists import AccountsPart, balance_hash, contract_hash, customer_hash
from protocols.sync.clock import ClockQuality
from protocols.sync.filters import DesiredFilter, DeviceClass, MeasurandFilter
from protocols.sync.lists import TokensPart, token_hash, written
from protocols.sync.topics import Stream
from protocols.terms import (
    BalancePart,
    EvseState,
    Measurand,
    MeterRole,
    ReadingContext,
)
from tests.protocols.sync.sample_events import EVENT_BODIES
from tests.protocols.sync.sample_money import MONEY_BODIES
from tests.protocols.sync.sample_things import CONTRACT, CUSTOMER, EPOCH, FIRMWARE, T0, T1, TARIFF, TOKEN

_QUARTER_MS = 1_774_772_100_000
CURVES = (
    blocks.Curve(
        Measurand.ENERGY_REGISTER, None, ReadingContext.TRANSACTION_BEGIN, "tx-1", [_QUARTER_MS + 1500], [4200]
    ),
    blocks.Curve(
        Measurand.POWER,
        None,
        ReadingContext.SAMPLE_PERIODIC,
        "tx-1",
        [_QUARTER_MS + 15_000 * number for number in range(4)],
        [11_000, 11_040, 10_980, 0],
    ),
    blocks.Curve(
        Measurand.VOLTAGE,
        "L1-N",
        ReadingContext.SAMPLE_PERIODIC,
        "tx-1",
        [_QUARTER_MS + 15_000 * number for number in range(4)],
        [231_400, 231_400, 231_300, 231_500],
    ),
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
    blocks.TelemetryBlock(
        station_id="CS-1",
        evse_id=1,
        begins_at=datetime(2026, 3, 29, 8, 15, tzinfo=UTC),
        samples=9,
        data="AWNkKanQNWRiZPjRerJreTojAwvTdvEZpYwMc5gZGYTkGRguODIyMDEIyjMyfFjNKMLCOIOBgcVgKQurJEjownyZFEaGSwA=",
        dropped=51,
        filter="deadband-1+7",
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
SYNC = present.SyncReport(
    streams=(present.StreamBacklog(stream=Stream.MONEY, last_seq=20, acked_seq=12, oldest_at=T0, drains_in_s=4),),
    broker="mqtt.example.net:8883",
    bytes_today=81_920,
    bytes_saved_today=700_000,
    last_ack_at=T0,
    clock=present.ClockReport(quality=ClockQuality.FREE_RUNNING, noted_at=T0, offset_ms=-412),
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
MESSAGES: dict[str, Any] = {
    "birth": present.Birth(
        edge_id="edge-7",
        epoch=EPOCH,
        software_version="0.1.0",
        at=T0,
        location=LOCATION,
        evses=(LIVE,),
        streams=(present.StreamPosition(stream=Stream.MONEY, last_seq=12, acked_seq=10, first_seq=3),),
        documents={"tokens": 4},
        understands=("filter", "lists", "account_lists"),
        digests={"tokens": written(token_hash(TOKEN))},
        meters=(METER, BAY),
        balance=BALANCE,
    ),
    "state": present.EdgeState(status="offline", epoch=EPOCH),
    "live": present.Live(epoch=EPOCH, at=T0, evses=(LIVE,), meters=(METER, BAY), balance=BALANCE, sync=SYNC),
    "ack": down.Ack(
        epoch=EPOCH,
        stream=Stream.MONEY,
        seq=12,
        rejected=(down.RejectedEntry(seq=7, reason="no such tariff"),),
        birth_at=T0,
        hub_at=T1,
    ),
    "part_tokens": TokensPart(
        version=5,
        since=4,
        part=1,
        parts=1,
        digest=written(token_hash(TOKEN)),
        tokens=(TOKEN,),
        removed=("04FFFF",),
    ),
    "part_accounts": AccountsPart(
        version=6,
        since=5,
        part=1,
        parts=1,
        digest=written(
            customer_hash(CUSTOMER) + contract_hash(CONTRACT) + balance_hash(CONTRACT.id, Decimal("-12.50"))
        ),
        as_of=T0,
        customers=(CUSTOMER,),
        contracts=(CONTRACT,),
        balances={CONTRACT.id: Decimal("-12.50")},
        removed_customers=("CU-9",),
        removed_contracts=("DE-OHM-C9",),
    ),
    "desired_tokens": down.DesiredTokens(version=4, tokens=(TOKEN,)),
    "desired_accounts": down.DesiredAccounts(
        version=2, customers=(CUSTOMER,), contracts=(CONTRACT,), balances={"DE-OHM-C1": Decimal("-12.50")}, as_of=T0
    ),
    "desired_filter": DesiredFilter(
        version=5,
        classes={
            DeviceClass.EVSE: {Measurand.POWER: MeasurandFilter(deadband=250, percent=3, min_s=15, max_s=600)},
            DeviceClass.METER: {Measurand.FREQUENCY: MeasurandFilter(max_s=300)},
        },
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
    "command_operate": down.Command(
        id="c-3", issued_at=T0, expires_at=T1, body=down.Operate(station_id="CS-1", operation=Reset(type="Immediate"))
    ),
    "command_call_station": down.Command(
        id="c-4",
        issued_at=T0,
        expires_at=T1,
        body=down.CallStation(station_id="CS-1", action="DataTransfer", payload={"vendorId": "Wallbox 电"}),
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
