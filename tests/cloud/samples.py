"""What an edge would send, for tests: a site of two stations and the journal of a busy hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import JsonValue

from protocols.charger.jobs import ApplyTemplateJob, FirmwareFile, StepStatus
from protocols.charger.operations.variables import VariableName, VariableSetting
from protocols.money import ROUNDING_RULE, Price
from protocols.ocpi.cdr import Cdr, ChargingPeriod, PriceLine
from protocols.ocpi.location import Evse, Location
from protocols.ocpi.tariff import PriceComponent, Tariff, TariffDimensionType, TariffElement
from protocols.sync.codec import Batch, decode_batch, encode_batch, encode_entry
from protocols.sync.payments import Payment, PaymentChanged, PaymentMethod, PaymentState, TillChanged, TillSession
from protocols.sync.present import Birth, EvseLive, FlowLive, MeterLive, StreamPosition
from protocols.sync.receipts import ReceiptIssued, ReceiptKind, StatementMade
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import (
    CdrIssued,
    ConnectorStatusChanged,
    Entry,
    EventBody,
    MeterValuesSampled,
    MoneyBody,
    PostingLeg,
    PostingMade,
    SampledValue,
    StationBooted,
    StationConnectionChanged,
    TransactionEnded,
    TransactionStarted,
)
from protocols.sync.upkeep import (
    FirmwareAdded,
    JobBegun,
    JobStepChanged,
    LocalListSettled,
    MonitorEventsReported,
    MonitorsLearned,
    ReportKept,
    ReservationMade,
    VariableReading,
    VariablesRead,
)
from protocols.terms import ChargingState, ConnectorStatus, EvseState, Measurand, ReadingContext

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
EDGE = EdgeAddress(0, "edge-1")
EPOCH = "11111111-1111-4111-8111-111111111111"
NEXT_EPOCH = "22222222-2222-4222-8222-222222222222"
CHECKSUM = "ab" * 16

TARIFF = Tariff(
    id="standard",
    currency="EUR",
    elements=(
        TariffElement(
            price_components=(PriceComponent(type=TariffDimensionType.ENERGY, price=Decimal("0.45"), vat=Decimal(19)),)
        ),
    ),
    last_updated=T0,
)


def minute(number: float) -> datetime:
    """Minutes after the journal's beginning."""
    return T0 + timedelta(minutes=number)


def location(site: str = "site-1") -> Location:
    return Location(
        id=site,
        name="Yard",
        country_code="DE",
        party_id="OHM",
        time_zone="Europe/Berlin",
        evses=tuple(
            Evse(station_id=station, evse_id=1, label=label, max_power_w=22_000)
            for station, label in (("CP-1", "Bay 1"), ("CP-2", "Bay 2"))
        ),
    )


def birth(
    address: EdgeAddress = EDGE,
    epoch: str = EPOCH,
    at: datetime = T0,
    site: str = "site-1",
    positions: Sequence[StreamPosition] = (),
    documents: dict[str, int] | None = None,
    meters: Sequence[MeterLive] = (),
    balance: Sequence[FlowLive] = (),
) -> Birth:
    return Birth(
        edge_id=address.edge_id,
        epoch=epoch,
        software_version="0.1.0",
        at=at,
        location=location(site),
        evses=tuple(EvseLive(station_id=station, evse_id=1, state=EvseState.FREE) for station in ("CP-1", "CP-2")),
        streams=tuple(positions),
        documents=documents or {},
        meters=tuple(meters),
        balance=tuple(balance),
    )


def cdr(number: int, edge_id: str = "edge-1", site: str = "site-1", start: datetime | None = None) -> Cdr:
    """The bill of session `number`: 10 kWh and a bit, at 0.45 a kWh and 19 % VAT."""
    energy_wh = 10_000 + number
    started = start or minute(number)
    cost = Price(excl_vat=Decimal("4.50"), incl_vat=Decimal("5.36"))
    return Cdr(
        id=f"{edge_id}-cdr-{number}",
        session_id=f"{edge_id}-tx-{number}",
        location_id=site,
        station_id=f"CP-{number % 2 + 1}",
        evse_id=1,
        token_uid="04A2B3C4",
        contract_id="C-1",
        start_date_time=started,
        end_date_time=started + timedelta(minutes=30),
        meter_start_wh=1_000,
        meter_stop_wh=1_000 + energy_wh,
        total_energy_wh=energy_wh,
        total_time_s=1_800,
        total_parking_time_s=0,
        currency="EUR",
        tariff=TARIFF,
        charging_periods=(ChargingPeriod(start_date_time=started, energy_wh=energy_wh, time_s=1_800),),
        lines=(
            PriceLine(
                type=TariffDimensionType.ENERGY,
                quantity=energy_wh,
                billed_quantity=energy_wh,
                price=Decimal("0.45"),
                vat=Decimal(19),
                cost=cost,
            ),
        ),
        total_cost=cost,
        stop_reason="EVDisconnected",
        rounding_rule=ROUNDING_RULE,
        engine="ohmstead 0.1.0",
    )


def money_journal(sessions: int, edge_id: str = "edge-1", site: str = "site-1", *, first: int = 1) -> list[Entry]:
    """Each session is four entries: started, ended, bill, posting. From session number `first` on."""
    entries: list[Entry] = []
    for number in range(first, first + sessions):
        bill = cdr(number, edge_id, site)
        bodies: tuple[MoneyBody, ...] = (
            TransactionStarted(
                transaction_id=bill.session_id,
                charger_transaction_id=str(number),
                station_id=bill.station_id,
                evse_id=1,
                connector_id=1,
                token_uid=bill.token_uid,
                contract_id=bill.contract_id,
                meter_start_wh=bill.meter_start_wh,
                started_at=bill.start_date_time,
                tariff_id=TARIFF.id,
                currency="EUR",
            ),
            TransactionEnded(
                transaction_id=bill.session_id,
                station_id=bill.station_id,
                evse_id=1,
                meter_stop_wh=bill.meter_stop_wh,
                ended_at=bill.end_date_time,
                reason=bill.stop_reason,
            ),
            CdrIssued(cdr=bill),
            PostingMade(
                posting_id=f"{edge_id}-posting-{number}",
                key=f"cdr:{bill.id}",
                cdr_id=bill.id,
                currency="EUR",
                legs=(
                    PostingLeg(account="customer:C-1", amount=bill.total_cost.incl_vat),
                    PostingLeg(account="revenue", amount=-bill.total_cost.excl_vat),
                    PostingLeg(account="vat", amount=bill.total_cost.excl_vat - bill.total_cost.incl_vat),
                ),
            ),
        )
        for body in bodies:
            is_start = isinstance(body, TransactionStarted)
            at = bill.start_date_time if is_start else bill.end_date_time
            entries.append(Entry(stream=Stream.MONEY, seq=4 * (first - 1) + len(entries) + 1, at=at, body=body))
    return entries


def till_journal(first_seq: int = 1) -> list[Entry]:
    """A till is opened, somebody tops up in cash and gets a receipt, and last month's statement is made."""
    till = TillSession(
        session_id="edge-1-till-1",
        till_id="1",
        staff_id="anna",
        currency="EUR",
        request_key="k-1",
        opened_at=minute(1),
        opening=Decimal("100.00"),
        expected=Decimal("100.00"),
    )
    paid = Payment(
        payment_id="edge-1-pay-1",
        request_key="k-2",
        method=PaymentMethod.CASH,
        amount=Decimal("20.00"),
        currency="EUR",
        contract_id="C-1",
        state=PaymentState.TAKEN,
        at=minute(2),
        by="anna",
        till_session_id=till.session_id,
        given=Decimal("50.00"),
        change=Decimal("30.00"),
    )
    sums: dict[str, Any] = dict.fromkeys(("opening", "billed", "paid", "credited", "other", "closing"), Decimal("0.00"))
    statement = StatementMade(
        number="S-1",
        count=1,
        contract_id="C-1",
        period="2026-02",
        since=minute(-60),
        until=minute(0),
        currency="EUR",
        **sums,
        through_seq=1,
        issued_at=minute(3),
    )
    bodies: tuple[MoneyBody, ...] = (
        TillChanged(session=till),
        PaymentChanged(payment=paid),
        ReceiptIssued(
            number="R-1", count=1, of=ReceiptKind.PAYMENT, ref=paid.payment_id, issued_at=minute(2), by="anna"
        ),
        statement,
    )
    return [Entry(stream=Stream.MONEY, seq=seq, at=minute(3), body=body) for seq, body in enumerate(bodies, first_seq)]


def event_journal() -> list[Entry]:
    """A station connects, boots, is plugged in and charges."""
    bodies: tuple[EventBody, ...] = (
        StationConnectionChanged(station_id="CP-1", is_online=True, ocpp_version="2.0.1"),
        StationBooted(station_id="CP-1", vendor="Volt", model="V2", serial_number="S1", firmware_version="1.2"),
        ConnectorStatusChanged(station_id="CP-1", evse_id=1, connector_id=1, status=ConnectorStatus.AVAILABLE),
        ConnectorStatusChanged(
            station_id="CP-1",
            evse_id=1,
            connector_id=1,
            status=ConnectorStatus.OCCUPIED,
            charging_state=ChargingState.CHARGING,
        ),
    )
    return [Entry(stream=Stream.EVENT, seq=seq, at=minute(seq), body=body) for seq, body in enumerate(bodies, 1)]


def telemetry_journal(count: int = 6) -> list[Entry]:
    """The filtered readings of a session, one entry a minute."""
    return [
        Entry(
            stream=Stream.TELEMETRY,
            seq=seq,
            at=minute(seq),
            body=MeterValuesSampled(
                station_id="CP-1",
                evse_id=1,
                transaction_id="tx-1",
                at=minute(seq),
                samples=(
                    SampledValue(Measurand.ENERGY_REGISTER, 1000 + 180 * seq),
                    SampledValue(Measurand.VOLTAGE, 230_000 + seq, "L1-N", ReadingContext.SAMPLE_CLOCK, 250),
                ),
                dropped=seq % 3,
            ),
        )
        for seq in range(1, count + 1)
    ]


def wire(entries: Sequence[Entry], epoch: str = EPOCH) -> bytes:
    """The batch as it travels."""
    return encode_batch(epoch, entries[0].stream, entries[0].seq, [encode_entry(entry) for entry in entries])


def batch(entries: Sequence[Entry], epoch: str = EPOCH) -> Batch:
    """The batch as the hub has read it."""
    return decode_batch(wire(entries, epoch))


def reservation(number: int = 1, **more: Any) -> ReservationMade:
    """Of CP-1's EVSE 1, for an hour, with a station's number that is none of the hub's."""
    usual: dict[str, Any] = {
        "station_id": "CP-1",
        "reservation_id": 700 + number,
        "evse_id": 1,
        "token_uid": "04A2B3C4",
        "group_id": None,
        "contract_id": "C-1",
        "made_at": minute(number),
        "expires_at": minute(number + 60),
        "session_id": f"edge-1-r{number}",
        "tariff": TARIFF,
    }
    return ReservationMade(**{**usual, **more})


def access_journal(first_seq: int = 1) -> list[Entry]:
    """A reservation and the local list of CP-1."""
    settled = LocalListSettled(
        station_id="CP-1",
        firmware_version="1.2",
        version=9,
        tokens_version=8,
        checksum="ab" * 16,
        tokens=41,
        left_out=1,
    )
    bodies: tuple[EventBody, ...] = (reservation(), settled)
    return [Entry(stream=Stream.EVENT, seq=seq, at=minute(8), body=body) for seq, body in enumerate(bodies, first_seq)]


def device_journal(first_seq: int = 1) -> list[Entry]:
    """A firmware, a job over two stations that has ended at one of them, variables and a report of CP-1."""
    template = ApplyTemplateJob(
        name="fleet", settings=(VariableSetting(name=VariableName(variable="HeartbeatInterval"), value="300"),)
    )
    job = "edge-1-job-1"
    readings = (
        VariableReading("", "HeartbeatInterval", "300", "ReadWrite"),
        VariableReading("EVSE", "Power", "11", "ReadOnly", evse_id=1, data_type="decimal", unit="kW"),
    )
    monitors: tuple[dict[str, JsonValue], ...] = ({"component": {"name": "EVSE"}, "variableMonitoring": []},)
    bodies: list[Any] = [
        FirmwareAdded(
            file=FirmwareFile(
                file_id="f" * 16, name="f.bin", vendor="V", model="M", version="2", size_bytes=4, sha256="f" * 64
            )
        ),
        JobBegun(job_id=job, job=template, station_ids=("CP-1", "CP-2"), at_once=1, ends_at=minute(600)),
        JobStepChanged(job_id=job, station_id="CP-1", status=StepStatus.ASKED, attempt=1),
        JobStepChanged(
            job_id=job, station_id="CP-1", status=StepStatus.DONE, attempt=1, result={"variables": [{"is_equal": True}]}
        ),
        VariablesRead(station_id="CP-1", variables=readings, report_id=7, is_complete=True),
        ReportKept(station_id="CP-1", report="monitors", request_id=8, seq_no=0, is_last=True, items=monitors),
        MonitorsLearned(station_id="CP-1", severities={3: 1}),
        MonitorEventsReported(station_id="CP-1", events=({"eventId": 1},)),
    ]
    return [Entry(stream=Stream.EVENT, seq=seq, at=minute(8), body=body) for seq, body in enumerate(bodies, first_seq)]
