"""One station of a fleet, without its socket: what it says next, when that is due, and what an answer means.

It says one thing at a time (OCPP-J 1.6 §4.1.1), so what falls due meanwhile waits its turn but keeps its time: nothing
that was meant to be said is left out because the server was slow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from firmware_sim.load.plan import Plan, Traits
from firmware_sim.load.words import Session, heartbeat, status_in, words_of

FAR: Final = 1 << 62
"""A time that never comes."""
POWER_W: Final = 11_000
_QUEUED_POWER_W: Final = 3_000
_DAY_MS: Final = 24 * 3600 * 1000
_MESSAGES_PER_QUEUED_SESSION: Final = 10
_BOOT_RETRY_NS: Final = 5_000_000_000
_LONGEST_PAUSE_S: Final = 5.0
_PAUSE_SHARE: Final = 0.05


class Kind(Enum):
    """START, SAMPLE and STOP belong to a transaction and are said again until they are answered."""

    BOOT = 1
    STATUS = 2
    HEARTBEAT = 3
    START = 4
    SAMPLE = 5
    STOP = 6


_LASTING: Final = frozenset({Kind.START, Kind.SAMPLE, Kind.STOP})
_PRELUDE: Final = frozenset({Kind.BOOT, Kind.STATUS})


@dataclass(frozen=True, slots=True)
class Step:
    """Something to be said as soon as what is before it has been answered; without `at_ms` it is about now."""

    kind: Kind
    at_ms: int | None = None
    register_wh: int = 0
    evse: int = 1
    is_occupied: bool = False


@dataclass(slots=True)
class Message:
    """A request; `due_ns` is when it was meant to be said."""

    kind: Kind
    action: str
    payload: bytes
    due_ns: int


class Account:
    """What the server has acknowledged of transactions, for all stations of a process."""

    def __init__(self, write: Callable[[dict[str, Any]], None] | None = None) -> None:
        self._write = write
        self.starts = self.stops = self.energy_wh = self.refused_tokens = self.open = 0

    def started(self) -> None:
        self.starts += 1

    def stopped(self, traits: Traits, session: Session) -> None:
        self.stops += 1
        self.energy_wh += session.stop_wh - session.start_wh
        if self._write is not None:
            self._write(
                {
                    "station": traits.station_id,
                    "ocpp": traits.version,
                    "evse": 1,
                    "id_token": traits.token,
                    "transaction_id": session.transaction_id.decode(),
                    "meter_start_wh": session.start_wh,
                    "meter_stop_wh": session.stop_wh,
                    "energy_wh": session.stop_wh - session.start_wh,
                    "started_at": stamp(session.started_ms).decode(),
                    "ended_at": stamp(session.ended_ms).decode(),
                    "offline": session.is_offline,
                    "acknowledged_start": session.is_start_acknowledged,
                    "acknowledged_stop": True,
                }
            )


def stamp(at_ms: int) -> bytes:
    """Site time as chargers write it."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return b"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (*at.timetuple()[:6], at_ms % 1000)


class Station:
    """`now_ns` is the machine's monotonic clock, `site_ms` site time in ms since 1970."""

    __slots__ = (
        "_ahead",
        "_arrival_ns",
        "_heartbeat_ns",
        "_is_ending",
        "_kept",
        "_sample_ns",
        "_sessions",
        "_turn_ns",
        "_words",
        "account",
        "is_ready",
        "plan",
        "register_wh",
        "session",
        "traits",
    )

    def __init__(self, plan: Plan, traits: Traits, account: Account) -> None:
        self.plan = plan
        self.traits = traits
        self.account = account
        self.session: Session | None = None
        self.register_wh = traits.number * 1000
        self.is_ready = False
        """Its boot has been accepted on this connection."""
        self._words = words_of(traits.version)
        self._ahead: deque[Step] = deque()
        self._kept: Message | None = None
        """What was under way when the connection was lost."""
        self._is_ending = False
        self._sessions = 0
        self._arrival_ns = self._heartbeat_ns = self._sample_ns = FAR
        self._turn_ns = FAR
        """When the next session begins, or the one under way ends."""

    # --- what the load driver has it do ---

    def arrive(self, due_ns: int) -> None:
        """Come (back) at `due_ns`: boot, tell every connector's status, then go on where it stopped."""
        self.is_ready = False
        self._arrival_ns, self._heartbeat_ns = due_ns, FAR
        while self._ahead and self._ahead[0].kind in _PRELUDE:
            self._ahead.popleft()
        occupied = self.session is not None
        self._ahead.extendleft(
            Step(Kind.STATUS, evse=evse, is_occupied=occupied and evse == 1) for evse in range(self.plan.evses, 0, -1)
        )
        self._ahead.appendleft(Step(Kind.BOOT))

    def queue_a_day(self, messages: int, site_ms: int) -> None:
        """Have so many transaction messages of the last 24 hours in the queue, after what is open."""
        if self.session is not None:
            self._turn_ns = FAR
            self._ahead.append(Step(Kind.STOP))
        self._ahead.extend(_day(messages, site_ms, self.register_wh + POWER_W))

    def end(self, due_ns: int) -> None:
        """End the session under way at `due_ns`, begin no other."""
        self._is_ending = True
        self._turn_ns = FAR if self.session is None else min(self._turn_ns, due_ns)
        if self.session is not None and not self.session.is_start_acknowledged:
            self._turn_ns = FAR  # set by the answer

    def hush(self) -> None:
        """Say nothing more; a session under way is left open."""
        self._ahead.clear()
        self._kept = self.session = None
        self._heartbeat_ns = self._sample_ns = self._turn_ns = FAR

    def lose(self, message: Message | None) -> None:
        """The connection is gone, and `message` with it."""
        self.is_ready = False
        if message is not None and message.kind in _LASTING:
            self._kept = message

    @property
    def is_done(self) -> bool:
        """There is nothing left to be told."""
        return self.session is None and not self._ahead and self._kept is None

    # --- what it says ---

    def due_ns(self) -> int:
        """When the next thing is to be said; the past for what only waits for the answer before it."""
        if self._ahead:
            return self._arrival_ns if self._ahead[0].kind is Kind.BOOT else 0
        if self._kept is not None:
            return 0
        return min(self._heartbeat_ns, self._sample_ns, self._turn_ns)

    def take(self, now_ns: int, site_ms: int) -> Message | None:
        """The next message; None when it was about a transaction that is not there. Only once it is due."""
        if self._kept is not None and not (self._ahead and self._ahead[0].kind in _PRELUDE):
            message, self._kept = self._kept, None
            return message
        if self._ahead:
            step = self._ahead.popleft()
            due_ns = self._arrival_ns if step.kind is Kind.BOOT else now_ns
            return self._say(step, due_ns, site_ms)
        due_ns = self.due_ns()
        if due_ns == self._heartbeat_ns:
            self._heartbeat_ns += int(self.plan.heartbeat_s * 1e9)
            return Message(Kind.HEARTBEAT, *heartbeat(), due_ns)
        if due_ns == self._turn_ns:
            self._turn_ns = self._sample_ns = FAR
            return self._say(Step(Kind.START if self.session is None else Kind.STOP), due_ns, site_ms)
        self._sample_ns += int(self.plan.meter_interval_s * 1e9)
        return self._say(Step(Kind.SAMPLE), due_ns, site_ms)

    def _say(self, step: Step, due_ns: int, site_ms: int) -> Message | None:
        at_ms = site_ms if step.at_ms is None else step.at_ms
        text = stamp(at_ms)
        words, session = self._words, self.session
        match step.kind:
            case Kind.BOOT:
                return Message(step.kind, *words.boot(), due_ns)
            case Kind.STATUS:
                return Message(step.kind, *words.status(step.evse, step.is_occupied, text), due_ns)
            case Kind.START:
                self.session = self._begin(step, at_ms)
                return Message(step.kind, *words.start(self.session, text), due_ns)
        if session is None:
            return None
        self._meter(session, step, at_ms)
        if step.kind is Kind.SAMPLE:
            return Message(step.kind, *words.sample(session, self.register_wh, text), due_ns)
        session.ended_ms, session.stop_wh = at_ms, self.register_wh
        self._sample_ns = FAR
        return Message(step.kind, *words.stop(session, text), due_ns)

    def _begin(self, step: Step, at_ms: int) -> Session:
        self._sessions += 1
        self.account.open += 1
        is_offline = step.at_ms is not None
        if is_offline:
            self.register_wh = max(self.register_wh, step.register_wh)
        given = b"" if self.traits.version == "ocpp1.6" else self._name()
        return Session(
            transaction_id=given,
            token=self.traits.token.encode(),
            started_ms=at_ms,
            start_wh=self.register_wh,
            power_w=_QUEUED_POWER_W if is_offline else POWER_W,
            is_offline=is_offline,
        )

    def _name(self) -> bytes:
        return b"%08x-%07d-%06d" % (self.plan.run_id, self.traits.number, self._sessions)

    def _meter(self, session: Session, step: Step, at_ms: int) -> None:
        """The register rises with the time, at constant power."""
        if step.at_ms is not None:
            self.register_wh = max(self.register_wh, step.register_wh)
        elif not session.is_offline:
            delivered_wh = session.power_w * max(0, at_ms - session.started_ms) // 3_600_000
            self.register_wh = max(self.register_wh, session.start_wh + delivered_wh)

    # --- what it is told ---

    def answered(self, message: Message, answer: bytes, now_ns: int) -> str | None:
        """Take a CALLRESULT; returns what is wrong with it, for the count of errors."""
        session = self.session
        match message.kind:
            case Kind.BOOT:
                return self._booted(status_in(answer), now_ns)
            case Kind.START if session is not None:
                return self._started(session, message, answer, now_ns)
            case Kind.STOP if session is not None:
                self.account.stopped(self.traits, session)
                self._over(now_ns)
        return None

    def refused(self, message: Message, now_ns: int) -> None:
        """Take a CALLERROR: the message is not said again."""
        match message.kind:
            case Kind.BOOT:
                self._again(now_ns)
            case Kind.START | Kind.STOP if self.session is not None:
                self._over(now_ns)

    def _booted(self, status: str, now_ns: int) -> str | None:
        if status != "Accepted":
            self._again(now_ns)
            return f"boot {status}"
        self.is_ready = True
        self._arrival_ns = FAR
        if not self._is_ending:
            self._heartbeat_ns = now_ns + int(self.traits.phase * self.plan.heartbeat_s * 1e9)
            if self.traits.is_charging and self._sessions == 0:
                self._turn_ns = now_ns
        return None

    def _again(self, now_ns: int) -> None:
        self._arrival_ns = now_ns + _BOOT_RETRY_NS
        self._ahead.appendleft(Step(Kind.BOOT))

    def _started(self, session: Session, message: Message, answer: bytes, now_ns: int) -> str | None:
        session.is_start_acknowledged = True
        self._words.take_start(session, answer)
        if not session.transaction_id:
            self._over(now_ns)
            return "no transactionId"
        self.account.started()
        status = status_in(answer)
        is_accepted = status == "Accepted"
        if not is_accepted:
            self.account.refused_tokens += 1
            session.reason = "DeAuthorized"
        if session.is_offline:
            return None if is_accepted else f"IdToken {status}"
        self._ahead.append(Step(Kind.STATUS, is_occupied=True))
        # The first session is one that began earlier, so that ends are spread as evenly as beginnings.
        lasts_s = self.plan.session_s * (1 - self.traits.phase if self._sessions == 1 else 1)
        is_over = self._is_ending or not is_accepted
        self._turn_ns = now_ns if is_over else message.due_ns + int(lasts_s * 1e9)
        self._sample_ns = message.due_ns + int(self.plan.meter_interval_s * 1e9)
        return None if is_accepted else f"IdToken {status}"

    def _over(self, now_ns: int) -> None:
        session, self.session = self.session, None
        self.account.open -= 1
        self._sample_ns = FAR
        if session is None or session.is_offline:
            return
        self._ahead.appendleft(Step(Kind.STATUS))
        # The bay is soon taken again, so that the share of stations that charge stays what it shall be.
        pause_s = min(_LONGEST_PAUSE_S, self.plan.session_s * _PAUSE_SHARE)
        self._turn_ns = FAR if self._is_ending else now_ns + int(pause_s * 1e9)


def _day(messages: int, site_ms: int, register_wh: int) -> Iterator[Step]:
    """Sessions of ten messages, Start and Stop included, evenly over the last 24 hours."""
    apart_ms = _DAY_MS // (messages + 1)
    step_wh = _QUEUED_POWER_W * apart_ms // 3_600_000
    at_ms, left = site_ms - _DAY_MS, messages
    while left > 0:
        size = left if left <= _MESSAGES_PER_QUEUED_SESSION + 1 else _MESSAGES_PER_QUEUED_SESSION
        for index in range(size):
            kind = Kind.START if index == 0 else Kind.STOP if index == size - 1 else Kind.SAMPLE
            yield Step(kind, at_ms, register_wh)
            at_ms += apart_ms
            register_wh += step_wh
        left -= size
