"""One process of a fleet: its stations on one epoll, their next messages in one heap of times.

Started by firmware_sim.load.processes: the plan comes as the first line of standard input (passwords never stand in a
command line), any further line ends the run early, its end ends the process. Standard output tells, in JSON lines, how
it goes every second, and the report.
"""

from __future__ import annotations

import gc
import heapq
import json
import os
import resource
import time
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from firmware_sim.clock import unix_now_s
from firmware_sim.load.latency import Latencies
from firmware_sim.load.lines import Line, Lines
from firmware_sim.load.plan import Plan
from firmware_sim.load.station import FAR, Account, Kind, Message, Station
from protocols.timeline import REAL_TIME, Timeline

_SECOND_NS: Final = 1_000_000_000
_STAMP_AGE_NS: Final = 50_000_000
_STOPPED_DRAIN_S: Final = 10.0
_LOOK_NS: Final = 200_000_000
_GLANCE_NS: Final = 20_000_000
_GLANCES: Final = _SECOND_NS // _GLANCE_NS
_MAX_WAKES: Final = 2_000
"""How many stations are served before answers are read again: late in a stampede is better than deaf."""


class SiteStamps:
    """Site time in ms, read from the machine twenty times a second."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._read_ns = 0
        self._ms = 0

    def now_ms(self, now_ns: int) -> int:
        if now_ns - self._read_ns > _STAMP_AGE_NS:
            self._ms, self._read_ns = int(self._timeline.at(unix_now_s()).timestamp() * 1000), now_ns
        return self._ms


class Measured:
    """Latencies by phase and action, by the time a message was due; errors by phase, action and kind."""

    def __init__(self, phases: dict[str, int]) -> None:
        self._begins = list(phases.items())[::-1]
        self.latencies: dict[tuple[str, str], Latencies] = {}
        self.errors: dict[tuple[str, str, str], int] = {}
        self.lag = Latencies()
        """How late this process itself was: from when a message was due at an idle station until it was sent."""
        self.busy_ns: dict[str, int] = {}
        """For how long of each phase it did not wait for something to happen: near the phase's length, what it measures
        is itself."""
        self.answered = 0
        self.last_ns: dict[str, int] = {}
        """When the last answer of each phase came."""

    def phase_at(self, at_ns: int) -> str:
        for name, begins_ns in self._begins:
            if at_ns >= begins_ns:
                return name
        return self._begins[-1][0]

    def record(self, action: str, due_ns: int, now_ns: int) -> None:
        key = self.phase_at(due_ns), action
        found = self.latencies.get(key)
        if found is None:
            found = self.latencies[key] = Latencies()
        found.record(now_ns - due_ns)
        self.last_ns[key[0]] = now_ns

    def error(self, action: str, kind: str, at_ns: int) -> None:
        key = self.phase_at(at_ns), action, kind
        self.errors[key] = self.errors.get(key, 0) + 1

    def dump(self) -> dict[str, Any]:
        return {
            "latencies": [[*key, found.dump()] for key, found in self.latencies.items()],
            "errors": [[*key, count] for key, count in self.errors.items()],
            "lag": self.lag.dump(),
            "busy_ns": self.busy_ns,
            "answered": self.answered,
            "last_ns": self.last_ns,
        }


class Worker:
    """Runs its part of the plan; `clock_ns` is monotonic."""

    def __init__(
        self,
        plan: Plan,
        process: int,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        tell: Callable[[dict[str, Any]], None],
    ) -> None:
        self._plan = plan
        self._clock_ns = clock_ns
        self._tell = tell
        self._phases = plan.phases()
        self._file: BinaryIO | None = open(plan.transactions, "ab") if plan.transactions else None  # noqa: SIM115
        self.account = Account(self._write if self._file else None)
        self.measured = Measured(self._phases)
        self._stamps = SiteStamps(Timeline.parse(plan.timeline) if plan.timeline else REAL_TIME)
        self._lines = Lines(plan, self)
        self._all = [
            Line(Station(plan, plan.identities.traits(number), self.account)) for number in plan.numbers(process)
        ]
        self._heap: list[tuple[int, int, Line]] = []
        self._order = 0
        self._is_stopped = False
        self._reconnects = 0
        self._glance_ns = 0
        self._glances = self._connected = self._ready = 0

    # --- the run ---

    def run(self) -> dict[str, Any]:
        for line in self._all:
            line.station.arrive(self._plan.arrives_ns(line.station.traits.number))
            self._schedule(line, line.station.due_ns())
        self._turn_until(self._phases["end"])
        self._end_sessions()
        if "storm" in self._phases and not self._is_stopped:
            self._turn_until(self._phases["storm"])
            self._storm()
        unfinished = self._drain()
        report = self._report(unfinished)
        self._lines.close_all(self._all)
        if self._file is not None:
            self._file.close()
        return report

    def stop(self) -> None:
        """End early: no storm, only the ends of the sessions."""
        self._is_stopped = True

    def _turn_until(self, end_ns: int) -> None:
        while not self._is_stopped and (now_ns := self._clock_ns()) < end_ns:
            self._turn(now_ns, end_ns)

    def _end_sessions(self) -> None:
        begin_ns = self._clock_ns() if self._is_stopped else self._phases["end"]
        for line in self._all:
            if self._is_stopped and line.sock is None:
                line.station.hush()
            line.station.end(begin_ns + int(line.station.traits.phase * self._plan.end_s * 1e9))
            self._wake_when_due(line)

    def _storm(self) -> None:
        """All lose their connections at once and come back, each with its day's queue."""
        site_ms = self._stamps.now_ms(self._clock_ns())
        for line in self._all:
            self._lines.drop(line)
            line.station.lose(line.message)
            line.message = None
            returns_ns = self._plan.returns_ns(line.station.traits.number)
            line.station.arrive(returns_ns)
            if self._plan.queued:
                line.station.queue_a_day(self._plan.queued, site_ms)
            line.returns_ns = returns_ns
            self._schedule(line, returns_ns)

    def _drain(self) -> int:
        """Until nobody has anything left to tell; returns how many still have."""
        now_ns = self._clock_ns()
        drain_s = min(self._plan.drain_s, _STOPPED_DRAIN_S) if self._is_stopped else self._plan.drain_s
        expected_s = self._plan.end_s + (self._plan.storm_s or 0) + drain_s
        deadline_ns = now_ns + int(expected_s * 1e9)
        next_look_ns = now_ns
        while (now_ns := self._clock_ns()) < deadline_ns:
            self._turn(now_ns, deadline_ns)
            if now_ns >= next_look_ns:
                next_look_ns = now_ns + _LOOK_NS
                if all(line.station.is_done and line.message is None for line in self._all):
                    return 0
        return sum(not line.station.is_done or line.message is not None for line in self._all)

    def _turn(self, now_ns: int, end_ns: int) -> None:
        heap, wakes = self._heap, 0
        while heap and heap[0][0] <= now_ns and wakes < _MAX_WAKES:
            due_ns, _, line = heapq.heappop(heap)
            wakes += 1
            if line.timer_ns == due_ns:
                line.timer_ns = FAR
                self._wake(line)
        if now_ns >= self._glance_ns:
            self._glance(now_ns)
        next_ns = min(heap[0][0] if heap else FAR, end_ns, self._glance_ns)
        before_ns = self._clock_ns()
        self._count_work(now_ns, before_ns)
        self._lines.wait(max(0, next_ns - before_ns) / 1e9)
        woken_ns = self._clock_ns()
        self._lines.turn()
        self._count_work(woken_ns, self._clock_ns())

    def _count_work(self, begin_ns: int, end_ns: int) -> None:
        phase = self.measured.phase_at(begin_ns)
        self.measured.busy_ns[phase] = self.measured.busy_ns.get(phase, 0) + end_ns - begin_ns

    def _wake(self, line: Line) -> None:
        if line.sock is None:
            self._lines.open(line)
        elif line.is_open and line.message is None:
            self._speak(line)

    def _speak(self, line: Line) -> None:
        """Say what is due, or wait until it is."""
        station = line.station
        while (due_ns := station.due_ns()) <= (now_ns := self._clock_ns()):
            message = station.take(now_ns, self._stamps.now_ms(now_ns))
            if message is not None:
                line.message, line.sent_ns = message, now_ns
                if due_ns > line.idle_ns and message.kind is not Kind.BOOT:
                    self.measured.lag.record(now_ns - due_ns)
                self._lines.say(line)
                return
        if line.returns_ns and station.is_ready and station.is_done:
            self.measured.record("(all delivered)", line.returns_ns, now_ns)
            line.returns_ns = 0
        self._schedule(line, due_ns)

    def _wake_when_due(self, line: Line) -> None:
        if line.is_open and line.message is None:
            self._schedule(line, line.station.due_ns())

    def _schedule(self, line: Line, due_ns: int) -> None:
        if due_ns < FAR and line.timer_ns != due_ns:
            line.timer_ns = due_ns
            self._order += 1
            heapq.heappush(self._heap, (due_ns, self._order, line))

    # --- what the lines report ---

    def opened(self, line: Line) -> None:
        self._speak(line)

    def heard(self, line: Line, kind: bytes, answer: bytes) -> None:
        """An answer: CALLRESULT (b"3") or CALLERROR (b"4")."""
        message, now_ns = line.message, self._clock_ns()
        if message is None or line.asked not in answer:
            self.measured.error("(unasked)", "answer to nothing", now_ns)
            return
        line.message, line.idle_ns = None, now_ns
        self.measured.answered += 1
        self.measured.record(message.action, message.due_ns, now_ns)
        if kind == b"3":
            wrong = line.station.answered(message, answer, now_ns)
        else:
            wrong = _error_code(answer)
            line.station.refused(message, now_ns)
        if wrong is not None:
            self.measured.error(message.action, wrong, message.due_ns)
        self._speak(line)

    def lost(self, line: Line, why: str) -> None:
        """The connection is gone: come back some time later, as chargers do, whatever the reason."""
        now_ns = self._clock_ns()
        message: Message | None = line.message
        self.measured.error(message.action if message else "(connection)", why, message.due_ns if message else now_ns)
        self._reconnects += 1
        line.station.lose(message)
        line.message = None
        again_ns = now_ns + self._plan.pause_ns(line.station.traits.phase)
        line.station.arrive(again_ns)
        self._schedule(line, again_ns)

    # --- telling ---

    def _glance(self, now_ns: int) -> None:
        """Look at a fiftieth of the lines, so that all are seen each second and none waits while others are seen."""
        late_ns = now_ns - int(self._plan.timeout_s * 1e9)
        self._glance_ns = now_ns + _GLANCE_NS
        for line in self._all[self._glances :: _GLANCES]:
            self._connected += line.is_open
            self._ready += line.station.is_ready
            waits_since_ns = line.sent_ns if line.message is not None else line.opening_ns
            if line.sock is not None and 0 < waits_since_ns < late_ns:
                self._lines.drop(line)
                self.lost(line, "no answer in time")
        self._glances += 1
        if self._glances == _GLANCES:
            self._tell_progress(now_ns)

    def _tell_progress(self, now_ns: int) -> None:
        if self._file is not None:
            self._file.flush()
        self._tell(
            {
                "progress": {
                    "phase": self.measured.phase_at(now_ns),
                    "connected": self._connected,
                    "ready": self._ready,
                    "in_transaction": self.account.open,
                    "answered": self.measured.answered,
                    "errors": sum(self.measured.errors.values()),
                }
            }
        )
        self._glances = self._connected = self._ready = 0

    def _report(self, unfinished: int) -> dict[str, Any]:
        account = self.account
        return {
            **self.measured.dump(),
            "stations": len(self._all),
            "ready": sum(line.station.is_ready for line in self._all),
            "unfinished_stations": unfinished,
            "unanswered": sum(line.message is not None for line in self._all),
            "reconnects": self._reconnects,
            "asked_by_server": self._lines.asked,
            "starts": account.starts,
            "stops": account.stops,
            "energy_wh": account.energy_wh,
            "refused_tokens": account.refused_tokens,
            "open_transactions": account.open,
            "is_interrupted": self._is_stopped,
        }

    def _write(self, transaction: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(transaction).encode() + b"\n")

    def watch(self, fd: int, on_input: Callable[[], None]) -> None:
        self._lines.watch(fd, on_input)


def _error_code(answer: bytes) -> str:
    try:
        return str(json.loads(answer)[2])
    except (ValueError, IndexError):
        return "unreadable answer"


def main() -> None:
    """The process."""
    head = json.loads(_first_line(0))
    plan = Plan.load(head["plan"])

    def tell(body: dict[str, Any]) -> None:
        print(json.dumps(body), flush=True)

    worker = Worker(plan, head["process"], tell=tell)

    def on_input() -> None:
        if not os.read(0, 4096):
            os._exit(1)  # whoever started us is gone
        worker.stop()

    worker.watch(0, on_input)
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    gc.collect()
    gc.disable()  # nothing here ends in circles; looking for them would stand in the latencies
    tell({"report": worker.run()})
    while os.read(0, 4096):  # stay until what this process has used was looked at
        pass


def _first_line(fd: int) -> bytes:
    """Read no further than the line: what follows is for epoll."""
    found = bytearray()
    while not found.endswith(b"\n"):
        byte = os.read(fd, 1)
        if not byte:
            break
        found += byte
    return bytes(found)


if __name__ == "__main__":
    main()
