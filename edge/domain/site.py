"""All state of the agent's site, and the ways to look things up in it at a cost that does not depend on its size."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from edge.domain.account_book import AccountBook
from edge.domain.authorization import TokenList
from edge.domain.bill_book import BillBook, BillRecord
from edge.domain.clock_book import ClockBook
from edge.domain.composite import InstalledProfile, VehicleOffer
from edge.domain.cost_displays import CostDisplays
from edge.domain.disk_events import DiskLevel
from edge.domain.filters import Filters, filters
from edge.domain.inventory import Inventory
from edge.domain.job import OpenJob
from edge.domain.list_book import ListBook
from edge.domain.meter_book import MeterBook
from edge.domain.past import PastKey, PastTransaction
from edge.domain.payment_book import PaymentBook, Recalled
from edge.domain.receipt_book import ReceiptBook
from edge.domain.reservation_book import ReservationBook
from edge.domain.rules import Admission, SiteRules, StationRules
from edge.domain.run_book import RunBook
from edge.domain.station import Booted, EvseStatus, Home, Station
from edge.domain.station_security import Renewals, SecurityTally, Signing, StationCertificate
from edge.domain.tariff_choice import choose, is_valid
from edge.domain.telemetry import NORMAL, Readings
from edge.domain.transaction import Transaction
from edge.domain.unbilled_book import UnbilledBook
from protocols.charger.commands import Operation, RawCall
from protocols.charger.jobs import FirmwareFile
from protocols.charger.operations.transactions import StartTransaction
from protocols.ocpi.location import Evse
from protocols.ocpi.tariff import Tariff
from protocols.ocpi.token import token_key
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmRaised, UnknownStopReceived
from protocols.sync.upkeep import AvailabilityChanged, ChargingLimitChanged
from protocols.terms import EvseRef

MAX_EVSES_PER_STATION: Final = 64
MAX_RECENT_TRANSACTIONS: Final = 8192
MAX_STRAY_STOPS: Final = 16
"""For each station; beyond it the oldest is only in the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCommand:
    """A command that was taken; `is_finished` once its outcome is journaled. The id is remembered past expiry, what was
    asked of which station until it is finished."""

    command_id: str
    expires_at: datetime
    is_finished: bool = False
    is_own: bool = False
    """The site itself asks: nobody waits for the outcome, and none is journaled."""
    station_id: str | None = None
    operation: Operation | RawCall | None = None


@dataclass(slots=True, kw_only=True)
class Site:
    """The state. Only `decide` changes it; after a crash it is read back from the ledger."""

    rules: SiteRules
    epoch: str
    last_seq: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))
    acked_seq: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))
    last_charger_number: int = 0
    last_number: int = 0
    """The newest number of a request or a remote start."""
    stations: dict[str, Station] = field(default_factory=dict)
    evses: dict[EvseRef, EvseStatus] = field(default_factory=dict)
    transactions: dict[str, Transaction] = field(default_factory=dict)
    tokens: TokenList = field(default_factory=TokenList)
    alarms: dict[str, AlarmRaised] = field(default_factory=dict)
    commands: dict[str, OpenCommand] = field(default_factory=dict)
    documents: dict[str, int] = field(default_factory=dict)
    refused_documents: dict[str, int] = field(default_factory=dict)
    """The version that was refused last, by document: it is said once."""
    clock: ClockBook = field(default_factory=ClockBook)
    filters: Filters = field(init=False)
    site_tariffs: dict[str, Tariff] = field(default_factory=dict)
    """Those that the staff brought in."""
    hub_tariffs: dict[str, Tariff] = field(default_factory=dict)
    tariffs: dict[str, Tariff] = field(init=False)
    """All of them by id: see `take_tariffs`."""
    firmware: dict[str, FirmwareFile] = field(default_factory=dict)
    jobs: dict[str, OpenJob] = field(default_factory=dict)
    """Those that are open."""
    monitors: dict[str, dict[int, int]] = field(default_factory=dict)
    """By station and monitor: how severe what it tells is."""
    inventory: Inventory = field(default_factory=Inventory)
    profiles: dict[str, dict[int, InstalledProfile]] = field(default_factory=dict)
    """The charging profiles that stations have accepted, by station and id."""
    external_limits: dict[str, dict[str, ChargingLimitChanged]] = field(default_factory=dict)
    """What others than the site allow a station (OCPP 2.0.1 K12), by station and by whose limit it is."""
    profiles_asked: dict[EvseRef, InstalledProfile] = field(default_factory=dict)
    """The TxProfiles that EVSEs were asked to take and have not answered, since when."""
    vehicle_offers: dict[EvseRef, VehicleOffer] = field(default_factory=dict)
    """The last ones, of EVSEs where vehicles say what they need."""
    cost_told: dict[str, datetime] = field(default_factory=dict)
    """When the station of a transaction was last told what it costs so far."""
    displays: CostDisplays = field(default_factory=CostDisplays)
    wanted_connectors: dict[EvseRef, StartTransaction] = field(default_factory=dict)
    """Starts that were asked for and must begin at one connector of their EVSE."""
    over_limit: dict[EvseRef, datetime] = field(default_factory=dict)
    """EVSEs that draw more than they may, since when."""
    reservations: ReservationBook = field(default_factory=ReservationBook)
    lists: ListBook = field(default_factory=ListBook)
    runs: RunBook = field(default_factory=RunBook)
    meters: MeterBook = field(default_factory=MeterBook)
    unbilled: UnbilledBook = field(default_factory=UnbilledBook)
    numbers: ReceiptBook = field(default_factory=ReceiptBook)
    payments: PaymentBook = field(default_factory=PaymentBook)
    accounts: AccountBook = field(default_factory=AccountBook)
    bills: BillBook = field(default_factory=BillBook)
    staff: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By id, the name and the role of all who were on the list when it was last looked at."""
    out_of_service: dict[EvseRef, AvailabilityChanged] = field(default_factory=dict)
    """What the operator took out of service, or wants to; EVSE 0 is the whole station."""
    accepted_stations: set[str] = field(default_factory=set)
    """Those that the staff let in."""
    booted: dict[str, Booted] = field(default_factory=dict)
    unsettled: dict[EvseRef, datetime] = field(default_factory=dict)
    """EVSEs of stations that came back then and have not told their state since: what they said before may be past."""
    stray_stops: dict[str, dict[str, UnknownStopReceived]] = field(default_factory=dict)
    """What ended transactions that are not known here, by station and by the charger's id of the transaction."""
    displaced: dict[str, dict[str, Transaction]] = field(default_factory=dict)
    """By station: open transactions at whose EVSE another one began since. Their end may be with another agent."""
    certificates: dict[str, StationCertificate] = field(default_factory=dict)
    """By station: the certificate of the site CA that it uses."""
    signings: dict[str, Signing] = field(default_factory=dict)
    renewals: Renewals = field(default_factory=Renewals)
    security: dict[str, SecurityTally] = field(default_factory=dict)
    """By station: the security events that it reported, if any."""
    is_uplink_online: bool = False
    uplink_since: datetime | None = None
    power_w: int = 0
    readings: dict[EvseRef, Readings] = field(default_factory=dict)
    """The telemetry filter's memory: of the EVSEs where a transaction runs or meter values come just now."""
    telemetry_thinning: int = NORMAL
    """How hard the filter thins, one of telemetry.LEVELS; the agent raises it when the ledger cannot keep up."""
    disk: DiskLevel = DiskLevel.ROOMY
    untold_events: int = 0
    """Informational events that found no room on the disk."""
    telemetry_kept: int = 0
    telemetry_dropped: int = 0
    telemetry_thinned: int = 0
    """Of the dropped ones, those that would have been kept at the normal level."""
    _by_charger_id: dict[tuple[str, str], Transaction] = field(default_factory=dict)
    _by_start_key: dict[tuple[str, str], Transaction] = field(default_factory=dict)
    _by_token: dict[str, dict[str, Transaction]] = field(default_factory=dict)
    _recent: OrderedDict[tuple[str, str], PastTransaction] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.tariffs = self.rules.tariffs
        self.filters = filters(self.rules.telemetry, {}, 0)

    def take_tariffs(
        self, *, of_site: dict[str, Tariff] | None = None, of_hub: dict[str, Tariff] | None = None
    ) -> None:
        """The tariffs of a source are these from now on. The hub's win by id, then those that the staff brought in."""
        self.site_tariffs = self.site_tariffs if of_site is None else of_site
        self.hub_tariffs = self.hub_tariffs if of_hub is None else of_hub
        self.tariffs = {**self.rules.tariffs, **self.site_tariffs, **self.hub_tariffs}

    def keep_present_of(self, before: Site) -> None:
        """This site was just read from the ledger while the agent runs: what is only true of now comes from before."""
        for station_id, station in before.stations.items():
            here = self.station(station_id, is_known=station.is_known)
            here.abilities, here.main_meter = station.abilities, station.main_meter
        for ref, was in before.evses.items():
            status = self.evse(ref.station_id, ref.evse_id)
            if status is not None:
                status.read_at, status.state_of_charge_percent = was.read_at, was.state_of_charge_percent
                self.set_power(status, was.power_w)
        self.unsettled = dict(before.unsettled)
        self.booted, self.runs, self.meters, self.unbilled = before.booted, before.runs, before.meters, before.unbilled
        self.lists.keep_present_of(before.lists)
        self.displays = before.displays
        self.wanted_connectors = before.wanted_connectors
        self.reservations.back_at = before.reservations.back_at
        self.inventory = before.inventory
        self.vehicle_offers = before.vehicle_offers
        self.is_uplink_online, self.uplink_since = before.is_uplink_online, before.uplink_since
        self.telemetry_thinning, self.telemetry_thinned = before.telemetry_thinning, before.telemetry_thinned
        self.disk, self.untold_events = before.disk, before.untold_events
        self.clock = before.clock
        self.telemetry_kept, self.telemetry_dropped = before.telemetry_kept, before.telemetry_dropped

    # --- stations and EVSEs ---

    def station(self, station_id: str, *, is_known: bool = True) -> Station:
        """The station; one that nobody configured is made on the spot."""
        station = self.stations.get(station_id)
        if station is None:
            rules = self.rules.stations.get(station_id) or StationRules(station_id=station_id)
            station = Station(station_id=station_id, rules=rules, is_known=is_known)
            self.stations[station_id] = station
        return station

    def evse(self, station_id: str, evse_id: int) -> EvseStatus | None:
        """The EVSE, made when a station speaks of one that nobody configured; None for a number that cannot be one."""
        status = self.evses.get(tuple.__new__(EvseRef, (station_id, evse_id)))  # called by name it takes twice as long
        if status is None:
            station = self.station(station_id)
            if evse_id < 1 or len(station.evse_ids) >= MAX_EVSES_PER_STATION:
                return None
            status = self.add_evse(
                Evse(
                    station_id=station_id,
                    evse_id=evse_id,
                    label=f"{station_id}-{evse_id}",
                    max_power_w=self.rules.default_max_power_w,
                )
            )
        return status

    def add_evse(self, evse: Evse) -> EvseStatus:
        status = EvseStatus(evse=evse)
        self.evses[status.ref] = status
        self.station(evse.station_id).evse_ids.append(evse.evse_id)
        return status

    def refs_of(self, station_id: str) -> list[EvseRef]:
        station = self.stations.get(station_id)
        return [EvseRef(station_id, evse_id) for evse_id in station.evse_ids] if station else []

    def set_power(self, status: EvseStatus, power_w: int | None) -> None:
        """Note an EVSE's power and keep the site's sum beside it."""
        self.power_w += (power_w or 0) - (status.power_w or 0)
        status.power_w = power_w

    def admission(self, station: Station) -> Admission:
        """Whether a station is let in, by the configuration and by what the staff said since."""
        chosen = station.rules.boot if station.is_known else self.rules.unknown_boot
        if chosen is Admission.PENDING and station.station_id in self.accepted_stations:
            return Admission.ACCEPT
        return chosen

    def is_out_of_service(self, ref: EvseRef) -> bool:
        """Whether the operator took it out of service, or will when its transaction ends."""
        return bool(self.out_of_service) and (
            ref in self.out_of_service or EvseRef(ref.station_id, 0) in self.out_of_service
        )

    def tariff_of(self, evse: Evse, at: datetime, group_id: str | None, contract_id: str | None) -> Tariff:
        """What a transaction costs that begins at that time at that EVSE, by whoever charges there: by the tariff of
        the contract where that names one that is valid here then."""
        rules = self.rules
        if contract_id is not None and self.accounts:
            contract = self.accounts.find(contract_id)
            agreed = self.tariffs.get(contract.tariff_id or "") if contract is not None else None
            if agreed is not None and is_valid(agreed, at):
                return agreed
        return choose(
            rules.tariff_rules,
            self.tariffs,
            rules.default_tariff_id,
            location_id=rules.location.id,
            evse=evse,
            at=at,
            group_id=group_id,
            contract_id=contract_id,
        )

    # --- transactions ---

    def open_transaction(self, transaction: Transaction) -> None:
        self.transactions[transaction.transaction_id] = transaction
        self._by_charger_id[transaction.station_id, transaction.charger_transaction_id] = transaction
        self._by_start_key[transaction.station_id, transaction.start_key] = transaction
        if transaction.token_uid is not None:
            self._by_token.setdefault(token_key(transaction.token_uid), {})[transaction.transaction_id] = transaction
        status = self.evse(transaction.station_id, transaction.evse_id)
        if status is not None:
            other = self.transactions.get(status.transaction_id or "")
            if other is None or other is transaction:
                status.transaction_id = transaction.transaction_id
            else:
                older, newer = sorted((other, transaction), key=lambda each: each.started_at)
                status.transaction_id = newer.transaction_id
                self.displaced.setdefault(older.station_id, {})[older.transaction_id] = older

    def place(self, transaction: Transaction, evse_id: int) -> None:
        """Move a transaction to the EVSE that it turned out to be at."""
        status = self.evse(transaction.station_id, evse_id)
        if status is None or status.transaction_id not in (None, transaction.transaction_id):
            return
        assumed = self.evses.get(transaction.ref)
        if assumed is not None and assumed.transaction_id == transaction.transaction_id:
            assumed.transaction_id = None
            self.set_power(assumed, None)
            if (readings := self.readings.pop(transaction.ref, None)) is not None:
                self.readings[status.ref] = readings
        transaction.evse_id, transaction.is_evse_assumed = evse_id, False
        transaction.rating_w = status.evse.max_power_w
        status.transaction_id = transaction.transaction_id

    def close_transaction(self, transaction: Transaction, reason: str) -> None:
        """Forget an open transaction, except for what repeated messages ask about."""
        del self.transactions[transaction.transaction_id]
        self.displaced.get(transaction.station_id, {}).pop(transaction.transaction_id, None)
        self._by_charger_id.pop((transaction.station_id, transaction.charger_transaction_id), None)
        self._by_start_key.pop((transaction.station_id, transaction.start_key), None)
        if transaction.token_uid is not None:
            self._forget_token(transaction)
        status = self.evses.get(transaction.ref)
        if status is not None and status.transaction_id == transaction.transaction_id:
            status.transaction_id = None
        self.remember(
            PastTransaction(
                transaction_id=transaction.transaction_id,
                charger_transaction_id=transaction.charger_transaction_id,
                station_id=transaction.station_id,
                start_key=transaction.start_key,
                token_uid=transaction.token_uid,
                end_reason=reason,
                moves=transaction.moves,
            )
        )

    def _forget_token(self, transaction: Transaction) -> None:
        key = token_key(transaction.token_uid or "")
        charging = self._by_token.get(key, {})
        charging.pop(transaction.transaction_id, None)
        if not charging:
            self._by_token.pop(key, None)

    def identify(self, transaction: Transaction, token_uid: str, contract_id: str, group_id: str | None) -> None:
        """A driver authorised after plugging in."""
        transaction.token_uid, transaction.contract_id, transaction.group_id = token_uid, contract_id, group_id
        status = self.evses.get(transaction.ref)
        if self.rules.tariff_rules and transaction.reserved_at is None and status is not None:
            transaction.tariff = self.tariff_of(status.evse, transaction.started_at, group_id, contract_id)
        self._by_token.setdefault(token_key(token_uid), {})[transaction.transaction_id] = transaction

    def by_charger_id(self, station_id: str, charger_transaction_id: str) -> Transaction | None:
        return self._by_charger_id.get((station_id, charger_transaction_id))

    def by_start_key(self, station_id: str, start_key: str) -> Transaction | None:
        return self._by_start_key.get((station_id, start_key))

    def by_token(self, uid: str) -> list[Transaction]:
        """The open transactions of a token."""
        return list(self._by_token.get(token_key(uid), {}).values())

    def at_evse(self, ref: EvseRef) -> Transaction | None:
        status = self.evses.get(ref)
        if status is None or status.transaction_id is None:
            return None
        return self.transactions[status.transaction_id]

    # --- other agents of the node ---

    def home_of(self, station_id: str) -> Home:
        """Without other agents every station is at home, and one that is polled always."""
        if not self.rules.peers or station_id in self.rules.runs:
            return Home.HERE
        station = self.stations.get(station_id)
        return station.home if station is not None else Home.ELSEWHERE

    def open_at(self, station_id: str) -> list[Transaction]:
        """The open transactions of a station."""
        running = (self.at_evse(ref) for ref in self.refs_of(station_id))
        return [*(each for each in running if each is not None), *self.displaced.get(station_id, {}).values()]

    # --- the past ---

    def keep_stop(self, stop: UnknownStopReceived) -> None:
        stops = self.stray_stops.setdefault(stop.station_id, {})
        stops[stop.charger_transaction_id] = stop
        if len(stops) > MAX_STRAY_STOPS:
            del stops[next(iter(stops))]

    def stray_stop(self, station_id: str, charger_transaction_id: str) -> UnknownStopReceived | None:
        return self.stray_stops.get(station_id, {}).get(charger_transaction_id)

    def remember(self, past: PastTransaction | BillRecord | Recalled) -> None:
        """What the ledger knows of an ended transaction, a bill or a payment, or the moves of one handed over; the
        oldest are forgotten."""
        if isinstance(past, BillRecord):
            self.bills.keep(past)
            return
        if not isinstance(past, PastTransaction):
            self.payments.remember(past)
            return
        if past.start_key:
            for name in (f"k{past.start_key}", f"i{past.charger_transaction_id}"):
                self._recent[past.station_id, name] = past
        if past.moves:
            self._recent[past.station_id, f"t{past.transaction_id}"] = past
        while len(self._recent) > 2 * MAX_RECENT_TRANSACTIONS:
            self._recent.popitem(last=False)

    def past(self, key: PastKey) -> PastTransaction | None:
        if key.start_key is not None:
            return self._recent.get((key.station_id, f"k{key.start_key}"))
        if key.transaction_id is not None:
            return self._recent.get((key.station_id, f"t{key.transaction_id}"))
        return self._recent.get((key.station_id, f"i{key.charger_transaction_id}"))

    def is_silent(self, status: EvseStatus, now: datetime) -> bool:
        """Whether a running transaction has sent no meter value for too long to show its values as the present."""
        if status.transaction_id is None:
            return False
        if not self.stations[status.evse.station_id].is_online:
            return True
        started_at = self.transactions[status.transaction_id].started_at
        since = max(status.read_at, started_at) if status.read_at else started_at
        return (now - since).total_seconds() > self.rules.silent_after_s
