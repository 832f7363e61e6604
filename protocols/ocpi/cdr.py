"""OCPI 2.2.1 §10 CDR: the one bill of a transaction, with everything that explains it. Immutable."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from protocols.fact import Fact
from protocols.moments import Moment
from protocols.money import Price
from protocols.ocpi.tariff import ReservationRestrictionType, Tariff, TariffDimensionType


class ChargingPeriod(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """OCPI 2.2.1 §10.4.6, in base units: from `start_date_time` to the next period or the end of the session.

    `reservation_time_s` is the dimension RESERVATION_TIME: such a period has no other. `power_w` and `current_ma`, the
    sum over all phases, hold in the whole period; they are there where the tariff asks for them and they were measured.
    """

    start_date_time: Moment
    energy_wh: int = 0
    time_s: int = 0
    parking_time_s: int = 0
    reservation_time_s: int = 0
    power_w: int | None = None
    current_ma: int | None = None


class Adjustment(StrEnum):
    """Why a line is there that is for no quantity: the whole comes to a limit of the tariff."""

    MIN_PRICE = "MIN_PRICE"
    MAX_PRICE = "MAX_PRICE"
    IDLE_MAX_PRICE = "IDLE_MAX_PRICE"


class PriceLine(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a bill. `quantity` is as measured, `billed_quantity` after step_size, both in Wh, s or 1 (FLAT).

    `price` is per kWh, hour or session, `vat` in percent; `cost` is rounded by the bill's rounding rule. `reservation`
    names the kind of tariff element where the line is for the reservation and not for charging. `label` tells the line
    from others of its dimension. An `adjustment` is a FLAT line, whose `vat` is None where it is for several rates.
    `exact` and `billed_exact` are the quantities, such as "10000/3", where they are no whole numbers.
    """

    type: TariffDimensionType
    quantity: int
    billed_quantity: int
    price: Decimal
    vat: Decimal | None
    cost: Price
    reservation: ReservationRestrictionType | None = None
    label: str = ""
    adjustment: Adjustment | None = None
    exact: str = ""
    billed_exact: str = ""


class SignedValue(Fact, frozen=True, kw_only=True):
    """OCPI 2.2.1 §10.4.9: `signed_data` exactly as the station sent it, `plain_data` what it says in clear."""

    nature: Literal["Start", "End", "Intermediate"]
    signed_data: str
    plain_data: str = ""


class SignedData(Fact, frozen=True, kw_only=True):
    """OCPI 2.2.1 §10.4.8, with OCPP 2.0.1's signing method: the first and the last reading that the meter signed."""

    encoding_method: str
    signed_values: tuple[SignedValue, ...]
    public_key: str | None = None
    signing_method: str | None = None


class Cdr(Fact, frozen=True, kw_only=True):
    """OCPI 2.2.1 §10.3.1, energy in Wh and times in s. `tariff` is the snapshot taken when the transaction started.

    `token_uid` is None when a station charged without saying for whom; `contract_id` is then the suspense account.
    A reservation that a transaction used is billed with it, and `start_date_time` is then when it was reserved; one
    that was not used has a bill of its own, with its id in the place of the transaction's. `total_reservation_cost` is
    part of `total_cost`.
    The bill can be made again from it alone: `time_zone` is the Location's, an IANA name.
    `quarantine` holds the reasons why a person must look before it is issued; it is empty on an issued bill. `remarks`
    say what is worth knowing of how it came about, and changes nothing of it, such as that the site's clock was put on.
    A `credit` takes back the bill `credit_reference_id`: the same quantities, and the negative of each cost. A bill
    that a person decided upon `replaces` another: one that was in quarantine, or one that was credited.
    """

    id: str
    session_id: str
    location_id: str
    station_id: str
    evse_id: int
    token_uid: str | None
    contract_id: str
    start_date_time: Moment
    end_date_time: Moment
    meter_start_wh: int
    meter_stop_wh: int
    total_energy_wh: int
    total_time_s: int
    total_parking_time_s: int
    currency: str
    tariff: Tariff
    charging_periods: tuple[ChargingPeriod, ...]
    lines: tuple[PriceLine, ...]
    total_cost: Price
    stop_reason: str
    rounding_rule: str
    engine: str
    credit: bool = False
    credit_reference_id: str | None = None
    replaces: str | None = None
    quarantine: tuple[str, ...] = ()
    total_reservation_time_s: int = 0
    total_reservation_cost: Price | None = None
    signed_data: SignedData | None = None
    time_zone: str = "UTC"
    remarks: tuple[str, ...] = ()
