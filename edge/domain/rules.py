"""The site as configured: what never changes while the agent runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from edge.domain.account_rules import AccountRules
from edge.domain.inventory import InventoryRules
from edge.domain.job import JobRules
from edge.domain.list_book import ListRules
from edge.domain.meter_book import MeterRules
from edge.domain.offers import Offers
from edge.domain.payment_book import PaymentRules
from edge.domain.receipt_book import ReceiptRules
from edge.domain.run_book import RunRules
from edge.domain.station_security import CertificateRules
from edge.domain.tariff_choice import TariffRule
from edge.domain.telemetry import TelemetryRules
from protocols.ocpi.location import Location
from protocols.ocpi.tariff import Tariff


class Admission(StrEnum):
    """What a station is told when it boots: PENDING until the staff lets it in, REJECT as long as it is configured."""

    ACCEPT = "accept"
    PENDING = "pending"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRules:
    """What the configuration says of a station. `allowed_groups` empty: tokens of all groups may charge."""

    station_id: str
    allowed_groups: frozenset[str] = frozenset()
    certificate_name: str | None = None
    """The common name of its certificate; None: its id."""
    boot: Admission = Admission.ACCEPT
    keeps_local_list: bool = False
    shows_costs: bool | None = None
    """Whether an OCPP 1.6 station shows prices and costs; None: as it says itself."""


def _always(_vendor: str | None, _model: str | None, _firmware: str | None) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRules:
    """The site as configured. `default_tariff_id` prices an EVSE that names none."""

    edge_id: str
    location: Location
    currency: str
    stations: dict[str, StationRules]
    tariffs: dict[str, Tariff]
    default_tariff_id: str
    heartbeat_interval_s: int = 300
    allows_unknown_stations: bool = False
    checkpoint_s: int = 60
    abandon_after_s: int = 7 * 24 * 3600
    silent_after_s: int = 300
    default_max_power_w: int = 22_000
    software_version: str = "0"
    running_cost_every: timedelta | None = None
    """How often stations are told what their transactions cost so far; None: not at all."""
    has_uplink: bool = True
    telemetry: TelemetryRules = field(default_factory=TelemetryRules)
    certificates: CertificateRules = field(default_factory=CertificateRules)
    local_lists: ListRules = field(default_factory=ListRules)
    max_reservation: timedelta = timedelta(days=1)
    unknown_boot: Admission = Admission.ACCEPT
    may_trigger: Callable[[str | None, str | None, str | None], bool] = _always
    """Whether a station of that vendor, model and firmware takes no harm from a TriggerMessage."""
    peers: frozenset[str] = frozenset()
    """The edge ids of the other agents of a node."""
    jobs: JobRules = field(default_factory=JobRules)
    inventory: InventoryRules = field(default_factory=InventoryRules)
    offers: Offers | None = None
    """None: there is no file server."""
    runs: dict[str, RunRules] = field(default_factory=dict)
    """By station: how the site runs its transactions, where it knows none itself."""
    tariff_rules: tuple[TariffRule, ...] = ()
    """The first that is for a driver at an EVSE chooses the tariff."""
    estimating_tariffs: frozenset[str] = frozenset()
    """Those that bill energy that was not measured."""
    second_person_above: Decimal = Decimal("100.00")
    """A decision upon a bill of more than this takes two people; in the site's currency, taxes included."""
    meters: dict[str, MeterRules] = field(default_factory=dict)
    receipts: ReceiptRules = field(default_factory=ReceiptRules)
    accounts: AccountRules = field(default_factory=AccountRules)
    payments: PaymentRules = field(default_factory=PaymentRules)
    keeps_lists: bool = field(init=False)
    checkpoint_every: timedelta = field(init=False)
    silent_after: timedelta = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keeps_lists", any(each.keeps_local_list for each in self.stations.values()))
        object.__setattr__(self, "checkpoint_every", timedelta(seconds=self.checkpoint_s))
        object.__setattr__(self, "silent_after", timedelta(seconds=self.silent_after_s))
