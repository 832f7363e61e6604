"""The holes in the wall between the decisions and the world. Adapters stand on these and never see each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from edge.domain.bill_book import BillRecord
from edge.domain.clock_events import ClockLooked
from edge.domain.errands import Errand
from edge.domain.events import SiteEvent, SiteReply
from edge.domain.past import PastKey, PastTransaction
from edge.domain.payment_book import MoneyKey, Recalled
from edge.domain.payment_states import Word
from edge.domain.reconciliation import ProviderRow
from edge.domain.till_report import TillReport
from edge.domain.transaction import Transaction
from protocols.charger.commands import ChargerCommand, Reply
from protocols.charger.events import ChargerEvent
from protocols.charger.inquiries import Inquiry
from protocols.site.code_requests import ConnectorRef
from protocols.site.requests import ClaimStations
from protocols.site.view import EvseView, SiteTotals, Snapshot
from protocols.sync.comparing import DaySummed
from protocols.sync.down import Command, RejectedEntry
from protocols.sync.payments import Payment, PaymentMethod, ProviderReconciled, TillSession
from protocols.sync.present import Birth, ClockReport, Live
from protocols.sync.topics import Stream
from protocols.sync.up import CommandFinished, Entry, MeterValuesSampled, UnknownStopReceived
from protocols.terms import EvseRef

Clock = Callable[[], datetime]
"""Site time: aware, UTC."""


class ClockWatch(Protocol):
    """Who looks after the site's clock."""

    def look(self, now: datetime) -> ClockLooked | None:
        """What there is to be decided of the clock, whose time `now` was just read; None where all is as it was. Asked
        before each group of decisions: it must be short."""
        ...


class Overloaded(Exception):
    """The inbox is full: nothing was taken in, nothing may be acknowledged; the asker should try again."""


OnReply = Callable[[SiteReply], None]


class Inbox(Protocol):
    """The one way in for everything that the site decides upon."""

    def put(self, event: SiteEvent, on_reply: OnReply | None = None, is_moot: Callable[[], bool] | None = None) -> None:
        """Have an event decided. `on_reply` is called when all that was decided is durable: it must be short.

        An event that `is_moot` when its turn comes is dropped: whoever asked has gone, and will say it again.
        Raises Overloaded at once when the bounded inbox is full.
        """
        ...

    async def ask(self, event: SiteEvent) -> SiteReply:
        """Have an event decided; returns only when all that was decided is durable.

        Raises Overloaded when the bounded inbox stays full. A cancelled ask may or may not have been decided.
        """
        ...


class Commands(Protocol):
    """What the staff has done, by the same decisions as the hub's commands."""

    async def carry_out(self, command: Command) -> CommandFinished:
        """How the command ended, durable. It ends: a station that does not answer fails it, and so does its expiry.

        Raises Overloaded. A cancelled one goes on, unheard.
        """
        ...


class Passwords(Protocol):
    """The stations' passwords."""

    async def change(self, station_id: str) -> str:
        """Give a station a new password; what was done, for a person. Raises BadText with why it was not."""
        ...


class Profiles(Protocol):
    """The stations' security profiles."""

    async def forget(self, station_id: str) -> str:
        """Let a station in again as it is configured, whatever it was raised to; what was done, for a person.

        Raises BadText with why it was not.
        """
        ...


class Window(Protocol):
    """The site as it can be seen from outside. Look at it within `still`: then all that is seen is durable."""

    def still(self) -> AbstractAsyncContextManager[None]:
        """The site stands still within this block, at a commit: nothing that could yet be lost can be seen.

        Keep it short and await nothing in it: all decisions wait meanwhile.
        """
        ...

    def snapshot(self) -> Snapshot: ...

    def totals(self) -> SiteTotals: ...

    def evse_views(self, refs: Iterable[EvseRef]) -> tuple[EvseView, ...]: ...

    def live(self, refs: Iterable[EvseRef], *, is_full: bool) -> Live:
        """The present of these EVSEs and meters; with `is_full` also of all that changes with time alone."""
        ...

    def active_evses(self) -> tuple[EvseRef, ...]:
        """The EVSEs with a running transaction: what is shown of them changes with time alone."""
        ...

    def birth(self) -> Birth: ...

    def status(self) -> dict[str, Any]:
        """The agent's state as JSON-able values, for `status` and the staff."""
        ...

    def stations(self) -> list[dict[str, Any]]:
        """The charging stations with their live state, JSON-able."""
        ...


class Chargers(Protocol):
    """The hardware, as the agent and the local socket command it."""

    def send(self, command: ChargerCommand) -> None:
        """Carry out a command; its outcome comes back as a CommandAnswered event. Never waits, never raises."""
        ...

    def status(self) -> dict[str, Any]:
        """Connections and messages, JSON-able; counts since the start."""
        ...

    def disconnect(self, station_id: str, reason: str) -> None:
        """Close the station's socket, if it has one. Never waits, never raises."""
        ...

    async def call(self, station_id: str, action: str, payload: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send any CSMS-initiated OCPP call as it is; returns the payload that the station answered.

        Raises CallFailed.
        """
        ...


class CallFailed(Exception):
    """A call to a station brought no CALLRESULT: not connected, timed out, refused, or a CALLERROR.

    `code` is the CALLERROR's code, or NotConnected, Timeout, Busy (too many calls wait already), Invalid.
    """

    def __init__(self, code: str, description: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description
        self.details = details or {}


class Errands(Protocol):
    """What is neither a charger's nor the ledger's business: the site CA and the like."""

    def do(self, errand: Errand) -> None:
        """Carry out an errand; what comes of it comes back as an event. Never waits, never raises."""
        ...


class Relay(Protocol):
    """The way to those who can say what the site cannot."""

    def ask(self, inquiry: Inquiry, on_answer: Callable[[Reply | ChargerEvent], None]) -> None:
        """Have an inquiry answered, or made into an event that the site can decide upon. `on_answer` is called once,
        within the relay's time-out, whatever happens; it must be short. Never waits, never raises."""
        ...


class Screens(Protocol):
    """The site's own screens."""

    def changed(self, refs: Iterable[EvseRef]) -> None:
        """What is shown of these EVSEs may have changed, durably. Cheap; never waits."""
        ...


class Uplink(Protocol):
    """The way to the hub."""

    def changed(self, refs: Iterable[EvseRef]) -> None:
        """The live values of these EVSEs may have changed. Cheap; never waits."""
        ...

    def journal_grew(self) -> None:
        """There are new entries behind the last one read. Cheap; never waits."""
        ...


class Journal(Protocol):
    """The journal as the uplink reads it."""

    @property
    def epoch(self) -> str: ...

    def last_seq(self, stream: Stream) -> int:
        """The newest committed entry; 0 for none."""
        ...

    def acked_seq(self, stream: Stream) -> int:
        """The last entry that the hub has acknowledged; 0 for none."""
        ...

    def first_seq(self, stream: Stream) -> int:
        """The oldest entry that is still there; 1 where there never was one."""
        ...

    async def read(
        self, stream: Stream, after_seq: int, max_entries: int, max_bytes: int
    ) -> Sequence[tuple[int, bytes]]:
        """Committed entries behind `after_seq` in order, as they were encoded: at least one where there is one."""
        ...

    async def next_session(self) -> int:
        """A number for a session with a broker, higher than any before in this epoch, also after a restart."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFacts:
    """How far a stream is from the hub. `oldest_at` is the time of the oldest entry that the hub has not acknowledged;
    None where it has all."""

    stream: Stream
    last_seq: int
    acked_seq: int
    oldest_at: datetime | None
    dead_letters: int

    @property
    def backlog(self) -> int:
        return max(0, self.last_seq - self.acked_seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncFacts:
    """How far the journal is from the hub. `documents` are the hub's that are applied, by name, with the version;
    `clock` is what was noted of it last, `days` what each stream came to when it was summed last."""

    streams: tuple[StreamFacts, ...]
    documents: dict[str, int]
    clock: ClockReport | None = None
    days: tuple[DaySummed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """All that a group of decisions wants kept, in order: one transaction, or nothing of it. `readings` are to wait
    until they are packed, and the rows `packed` of them are in blocks among the entries."""

    entries: Sequence[Entry] = ()
    readings: Sequence[MeterValuesSampled] = ()
    packed: Sequence[int] = ()
    checkpoints: Sequence[Transaction] = ()
    acked: Mapping[Stream, int] = field(default_factory=dict)
    dead: Sequence[tuple[Stream, RejectedEntry]] = ()
    last_charger_number: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.entries or self.readings or self.checkpoints or self.acked or self.dead or self.packed)


class Ledger(Protocol):
    """The durable memory. Any error it raises ends the agent: what is not kept must not be answered."""

    async def commit(self, commit: Commit) -> None:
        """Keep all of it; on return it has reached the disk."""
        ...

    async def recall(self, keys: Sequence[PastKey | MoneyKey]) -> Sequence[PastTransaction | BillRecord | Recalled]:
        """The ended transactions, bills, payments and till sessions among those asked for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedTransaction:
    """A transaction that was handed over between the agents of a node; `transaction` as it was given `to_edge_id`."""

    transaction_id: str
    moves: int
    to_edge_id: str | None
    transaction: Transaction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRecord:
    """What the ledger has of a station for the agent that has it now: see edge.domain.events.ClaimAnswered."""

    station_id: str
    moved: tuple[MovedTransaction, ...]
    ended: tuple[PastTransaction, ...]
    stops: tuple[UnknownStopReceived, ...]


class StationRecords(Protocol):
    """The committed past of stations, for the other agents of a node."""

    @property
    def last_charger_number(self) -> int: ...

    async def records_of(self, station_ids: Sequence[str]) -> list[StationRecord]: ...


class Reports(Protocol):
    """What the ledger has for the staff to look at, as it was committed."""

    async def bills(self, *, is_waiting: bool, limit: int) -> list[dict[str, Any]]:
        """The newest bills first, or those that wait for a person, JSON-able."""
        ...

    async def customer(self, customer_id: str) -> dict[str, Any] | None:
        """A customer with all contracts and their balances, JSON-able."""
        ...

    async def balance(self, contract_id: str, postings: int) -> dict[str, Any] | None:
        """What a contract owes, with so many of its newest postings, JSON-able."""
        ...

    async def bill(self, cdr_id: str) -> list[dict[str, Any]]:
        """All bills of a bill's transaction, JSON-able; none where there is no such bill."""
        ...

    async def deviations(self) -> list[dict[str, Any]]:
        """What the models do otherwise than the standard, JSON-able."""
        ...

    async def jobs(self) -> list[dict[str, Any]]:
        """The newest jobs, JSON-able."""
        ...

    async def job(self, job_id: str) -> dict[str, Any] | None:
        """A job with every station of it, JSON-able."""
        ...

    async def variables(self, station_id: str) -> list[dict[str, Any]]:
        """What a station told of its variables, JSON-able."""
        ...

    async def report(self, station_id: str, kind: str) -> dict[str, Any] | None:
        """A station's newest report of a kind, JSON-able."""
        ...


class ProviderDown(Exception):
    """A provider does not answer, or nothing that makes sense. `is_unsent`: it has not even heard the question."""

    def __init__(self, text: str, *, is_unsent: bool) -> None:
        super().__init__(text)
        self.is_unsent = is_unsent


class ProviderRefused(Exception):
    """A provider says no, for good; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderWord:
    """What a provider says of a payment; `amount` is what it took."""

    payment_id: str
    word: Word
    reference: str | None = None
    text: str = ""
    amount: Decimal | None = None

    @property
    def is_taken_or_pending(self) -> bool:
        return self.word in (Word.TAKEN, Word.BEGUN)


class PaymentProvider(AbstractAsyncContextManager[Any], Protocol):
    """Who takes cards, or QR payments. Used within `async with`. All of them raise ProviderDown."""

    async def begin(self, payment: Payment) -> str:
        """Take a payment, or give one back (`reverses`); its reference there. Begun once, however often it is asked.
        Raises ProviderRefused."""
        ...

    async def look(self, payment_id: str) -> ProviderWord | None:
        """What became of it so far; None where it is not known there."""
        ...

    async def cancel(self, payment_id: str) -> None:
        """Give up what is not taken yet; what comes of it is looked at. Raises ProviderRefused."""
        ...

    async def events(self, after: int, wait_s: float) -> tuple[int, list[ProviderWord]]:
        """What happened after that number, waiting for something at most so long; and the newest number."""
        ...

    async def day(self, day: date) -> list[ProviderRow]:
        """All that was taken and given back on a day (UTC)."""
        ...


class PaymentRecords(Protocol):
    """What the ledger has of payments, as it was committed."""

    async def of_provider(self, provider: str, since: datetime, until: datetime) -> list[Payment]: ...

    async def by_ids(self, payment_ids: Sequence[str]) -> list[Payment]: ...

    async def is_reconciled(self, provider: str, day: date) -> bool:
        """Whether a day was held against the provider's list."""
        ...

    async def payments(self, *, contract_id: str | None, cdr_id: str | None, limit: int) -> list[Payment]:
        """The newest first; of a contract or a bill where one is named."""
        ...

    async def payment(self, payment_id: str) -> Payment | None: ...

    async def tills(self, limit: int) -> list[TillSession]: ...

    async def till(self, session_id: str) -> TillReport | None: ...

    async def reconciliations(self, limit: int) -> list[ProviderReconciled]: ...


class Providers(Protocol):
    """Those who take cards and QR payments, as the desk sees them."""

    def unavailable(self, method: PaymentMethod, provider: str | None) -> str | None:
        """Why nobody should wait for one now, and what to do; None where one can be asked."""
        ...

    async def reconcile(self, provider: str, day: date, by: str) -> ProviderReconciled:
        """Hold a day against a provider's list. Raises BadText with what to do."""
        ...


class Codes(Protocol):
    """Who knows the codes on the site's connectors."""

    def place(self, url: str) -> ConnectorRef:
        """Where a code belongs. Raises BadText, for a person, for one that the site did not make or has no use for."""
        ...


class Claims(Protocol):
    """Who answers the other agents of a node."""

    async def answer(self, request: ClaimStations) -> Any:
        """What this agent had of the stations, JSON-able; durable before it is told. Raises Overloaded."""
        ...

    def status(self) -> list[dict[str, Any]]:
        """The other agents, JSON-able."""
        ...
