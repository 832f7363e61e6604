"""What the samples of the contract are made of: a token, a customer, a tariff, a bill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from protocols.charger.jobs import FirmwareFile
from protocols.money import Price
from protocols.ocpi.cdr import Cdr, ChargingPeriod, PriceLine, SignedData, SignedValue
from protocols.ocpi.customer import Billing, Contract, Customer, StatementPeriod, Vehicle
from protocols.ocpi.tariff import PriceComponent, Tariff, TariffDimensionType, TariffElement
from protocols.ocpi.token import Token

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
