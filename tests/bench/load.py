"""The load generator: many stations in one process, steered by JSON lines on its standard input.

    python -m tests.bench.load '{"port": 9000, ...}'                 see Plan

{"do": "connect", "at_once": 200}                                    bring all stations to their steady state
{"do": "closed", "warm_s": 0.5, "window_s": 2}                       each says its next message when it has the answer
{"do": "paced", "rate": 1000, "warm_s": 0.5, "window_s": 2}          messages at fixed times, whatever the server does:
                                                                     what has to wait is sent late and counted from
                                                                     its intended time, none is left out

Each command is answered by a line; the process ends with its input. It also watches the server's process, so that
messages and CPU time are counted over the same window.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from firmware_sim.load.websocket import Handshake
from protocols.timeline import REAL_TIME, Timeline
from tests.bench import machine
from tests.bench.scripts import SCRIPTS, SUBPROTOCOLS, Stamps, voice
from tests.bench.station_sockets import Station, StationSockets

CONNECT_TIMEOUT_S: Final = 240.0
DRAIN_TIMEOUT_S: Final = 60.0
_POLL_S: Final = 0.05
_PACE_S: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`stations` stations, numbered from 0, all with one script, towards the server that is process `pid`."""

    port: int
    pid: int
    stations: int
    script: str
    password: str
    host: str = "127.0.0.1"
    timeline: str | None = None


@dataclass(frozen=True, slots=True)
class Counters:
    """What is counted, at one moment."""

    at_s: float
    server_cpu_s: float
    load_cpu_s: float
    busy_s: float
    answered: int


class Load:
    """All stations of this process."""

    def __init__(self, plan: Plan) -> None:
        stamps = Stamps(Timeline.parse(plan.timeline) if plan.timeline else REAL_TIME)
        script = SCRIPTS[plan.script]
        self._pid = plan.pid
        self._stations = [Station(number, script(voice(number, stamps))) for number in range(plan.stations)]
        self._sockets = StationSockets(Handshake(plan.host, plan.port), plan.password, SUBPROTOCOLS[plan.script])
        self._latencies_ns: list[int] = []

    def connect(self, at_once: int) -> dict[str, Any]:
        """Open all sockets, `at_once` at a time, and play each script up to its steady state."""
        began_ns = time.perf_counter_ns()
        deadline_s = time.monotonic() + CONNECT_TIMEOUT_S
        waiting = self._stations[::-1]
        under_way = ready = 0

        def go_on(station: Station) -> None:
            nonlocal under_way, ready
            if station.message is not None:
                station.say(station.due_ns)
                return
            self._latencies_ns.append(time.perf_counter_ns() - station.due_ns)
            station.message = next(station.script)
            ready += 1
            under_way -= 1

        self._latencies_ns = []
        self._sockets.on_answer = go_on
        while ready < len(self._stations):
            while waiting and under_way < at_once:
                self._sockets.open(waiting.pop())
                under_way += 1
            self._sockets.turn(_POLL_S)
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"only {ready} of {len(self._stations)} stations are there")
        seconds = (time.perf_counter_ns() - began_ns) / 1e9
        return {"seconds": seconds, "retries": self._sockets.retries, **self._latency(), **self._state()}

    def closed(self, warm_s: float, window_s: float) -> dict[str, Any]:
        """Every station sends its next message as soon as it has its answer."""
        begins_s = time.monotonic() + warm_s
        ends_s = begins_s + window_s
        answered_before, latencies_ns = self._sockets.answered, self._latencies_ns
        clock_ns, is_over = time.perf_counter_ns, False

        def go_on(station: Station) -> None:
            now_ns = clock_ns()
            latencies_ns.append(now_ns - station.due_ns)
            if not is_over:
                station.say(now_ns)

        self._sockets.on_answer = go_on
        for station in self._stations:
            station.say(clock_ns())
        first = self._turn_until(begins_s)
        latencies_ns.clear()
        report = self._report(first, self._turn_until(ends_s))
        is_over = True
        self._drain()
        return report | {"answered_in_all": self._sockets.answered - answered_before}

    def paced(self, rate: float, warm_s: float, window_s: float) -> dict[str, Any]:
        """`rate` messages a second in all, evenly over the stations, each at its time or as soon after as it can."""
        begins_s = time.monotonic() + warm_s
        began_ns, step_ns = time.perf_counter_ns(), 1e9 / rate
        begins_ns, ends_ns = began_ns + int(warm_s * 1e9), began_ns + int((warm_s + window_s) * 1e9)
        apart_ns = int(step_ns * len(self._stations))
        answered_before, latencies_ns = self._sockets.answered, self._latencies_ns
        latest_ns = due = 0

        def catch_up(station: Station) -> None:
            now_ns = time.perf_counter_ns()
            if begins_ns <= station.due_ns < ends_ns:
                latencies_ns.append(now_ns - station.due_ns)
            if station.behind:
                station.behind -= 1
                station.say(station.due_ns + apart_ns)

        def say_what_is_due() -> None:
            nonlocal latest_ns, due
            now_ns = time.perf_counter_ns()
            while (due_ns := began_ns + int(due * step_ns)) <= now_ns:
                station = self._stations[due % len(self._stations)]
                due += 1
                if station.is_waiting:
                    station.behind += 1
                else:
                    latest_ns = max(latest_ns, now_ns - due_ns)
                    station.say(due_ns)

        def turn_until(end_s: float) -> Counters:
            while time.monotonic() < end_s:
                say_what_is_due()
                self._sockets.turn(_PACE_S)
            return self._count()

        self._latencies_ns.clear()
        self._sockets.on_answer = catch_up
        first = turn_until(begins_s)
        latest_ns = 0
        report = self._report(first, turn_until(begins_s + window_s))
        behind = sum(station.behind for station in self._stations)
        self._drain()
        return report | {
            **self._latency(),  # with what was answered after the window
            "answered_in_all": self._sockets.answered - answered_before,
            "behind": behind,
            "load_late_ms": latest_ns / 1e6,
        }

    def close(self) -> None:
        self._sockets.close()

    # --- counting ---

    def _turn_until(self, end_s: float) -> Counters:
        while time.monotonic() < end_s:
            self._sockets.turn(_POLL_S)
        return self._count()

    def _drain(self) -> None:
        """Until every message has its answer."""
        deadline_s = time.monotonic() + DRAIN_TIMEOUT_S
        while any(station.is_waiting or station.behind for station in self._stations):
            self._sockets.turn(_POLL_S)
            if time.monotonic() > deadline_s:
                raise TimeoutError("messages stay without an answer")

    def _count(self) -> Counters:
        return Counters(
            at_s=time.monotonic(),
            server_cpu_s=machine.cpu_s(self._pid),
            load_cpu_s=machine.cpu_s(os.getpid()),
            busy_s=machine.busy_s(),
            answered=self._sockets.answered,
        )

    def _report(self, first: Counters, last: Counters) -> dict[str, Any]:
        seconds = last.at_s - first.at_s
        messages = last.answered - first.answered
        server_cpu_s = last.server_cpu_s - first.server_cpu_s
        load_cpu_s = last.load_cpu_s - first.load_cpu_s
        return {
            "messages": messages,
            "per_s": messages / seconds,
            "cpu_us_per_message": 1e6 * server_cpu_s / max(messages, 1),
            "server_cores": server_cpu_s / seconds,
            "load_cores": load_cpu_s / seconds,
            "others_cores": max(0.0, (last.busy_s - first.busy_s - server_cpu_s - load_cpu_s) / seconds),
            **self._latency(),
            **self._state(),
        }

    def _latency(self) -> dict[str, Any]:
        ordered = sorted(self._latencies_ns) or [0]
        last = len(ordered) - 1
        shares = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
        return {name: ordered[int(last * share)] / 1e6 for name, share in shares.items()}

    def _state(self) -> dict[str, Any]:
        return {"errors": self._sockets.errors, "server_resident_kb": machine.resident_kb(self._pid)}


def main() -> None:
    load = Load(Plan(**json.loads(sys.argv[1])))
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "connect": load.connect,
        "closed": load.closed,
        "paced": load.paced,
    }
    gc.freeze()
    gc.disable()  # nothing here ends in circles; looking for them costs a tenth
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(commands[command.pop("do")](**command)), flush=True)


if __name__ == "__main__":
    main()
