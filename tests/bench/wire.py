"""What a day of an EVSE takes on the line to the hub, beside every frame of its charger as JSON over MQTT; and that no
curve has lost more than the filter's rules allow."""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

import msgspec

from edge.domain.telemetry import MeasurandRule
from edge.ledger.packing import MOST_BLOCKS, QUARTER, blocks_of, quarter_of
from edge.uplink.budget import packet_bytes
from protocols.charger.events import MeterValuesReported, Sample
from protocols.sync.blocks import TelemetryBlock, curves_in
from protocols.sync.codec import encode, encode_batch, encode_entry, stamp_of
from protocols.sync.down import Ack
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import Entry, MeterValuesSampled
from protocols.terms import ChargingState, ConnectorStatus, Measurand
from tests.bench import machine
from tests.bench.curves import charging
from tests.bench.result import Result
from tests.bench.throughput import say
from tests.edge.domain.site_kit import START, Play, new_site, number

_ADDRESS: Final = EdgeAddress(0, "edge-1")
_EPOCH: Final = "01234567-89ab-4cde-8f01-23456789abcd"
_PUBACK_BYTES: Final = 4
_FRAME_TOPIC: Final = "ohmstead/v1/00/edge-1/ocpp/A"
_UNITS: Final = {
    Measurand.ENERGY_REGISTER: ("Wh", 1),
    Measurand.POWER: ("W", 1),
    Measurand.CURRENT: ("A", 1000),
    Measurand.VOLTAGE: ("V", 1000),
    Measurand.STATE_OF_CHARGE: ("Percent", 1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSizes:
    """A day of a site: each EVSE has so many sessions of `charging` time, with other luck, and values `every_s`."""

    evses: int = 8
    sessions: int = 10
    charging: timedelta = timedelta(minutes=90)
    every_s: int = 15
    heartbeat_s: int = 300


@dataclass(slots=True)
class _Line:
    """Bytes as PUBLISH and PUBACK take them, both ways."""

    frames: int = 0
    by_stream: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    acks: int = 0
    readings: int = 0

    @property
    def ours(self) -> int:
        return self.acks + sum(self.by_stream.values())


def wire_bytes(sizes: WireSizes) -> Result:
    """Each batch as small as an edge on time makes it: what a commit brought, and all EVSEs' blocks of a quarter."""
    days = [_Day(sizes, random.Random(seed)) for seed in range(sizes.evses)]
    blocks: dict[datetime, list[TelemetryBlock]] = defaultdict(list)
    for place, day in enumerate(days, 1):
        for at, packed in day.play_through().items():
            blocks[at] += packed
        say(f"wire_bytes {place}: {day.line.ours} bytes without telemetry, as frames {day.line.frames}")
    site = _Line()
    uplink = _Uplink(site)
    for at in sorted(blocks):
        for first in range(0, len(blocks[at]), MOST_BLOCKS):
            some = blocks[at][first : first + MOST_BLOCKS]
            uplink.publish(Stream.TELEMETRY, [Entry(stream=Stream.TELEMETRY, seq=0, at=at, body=body) for body in some])
    lines = [site, *(day.line for day in days)]
    kept = sum(block.samples for of_time in blocks.values() for block in of_time)

    def each_evse(figure: Callable[[_Line], int]) -> float:
        return sum(map(figure, lines)) / sizes.evses

    value, baseline = each_evse(lambda line: line.ours), each_evse(lambda line: line.frames)
    streams = {f"{each}_kb": sum(line.by_stream[each] for line in lines) / sizes.evses / 1000 for each in Stream}
    return Result(
        name="wire_bytes",
        value=value / 1000,
        unit="kB an EVSE and day: money, events and telemetry with their Acks; live values come beside",
        baseline="each OCPP frame of the charger published as JSON, in the same run",
        baseline_value=baseline / 1000,
        ratio=value / baseline,
        is_better="lower",
        details={
            "times_less": baseline / value,
            **streams,
            "acks_kb": each_evse(lambda line: line.acks) / 1000,
            "readings": each_evse(lambda line: line.readings),
            "kept": kept / sizes.evses,
            "each_reading": "is within the rules of the filter of what the blocks say",
        },
        conditions=machine.describe()
        | {
            "load": f"{sizes.evses} EVSEs, {sizes.sessions} sessions of {sizes.charging} a day at each; every"
            f" {sizes.every_s} s energy, power, current and voltage of three phases, state of charge; a heartbeat every"
            f" {sizes.heartbeat_s} s; MQTT's headers and PUBACKs counted, TCP's not",
        },
    )


class _Uplink:
    """Numbers the entries of an epoch, and counts what their batches and Acks take."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._seqs: dict[Stream, int] = defaultdict(int)
        self._stamps: dict[Stream, str | None] = {}

    def publish(self, stream: Stream, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        first = self._seqs[stream] + 1
        encoded = [encode_entry(msgspec.structs.replace(each, seq=seq)) for seq, each in enumerate(entries, first)]
        self._seqs[stream] += len(entries)
        payload = encode_batch(_EPOCH, stream, first, encoded, self._stamps.get(stream))
        self._stamps[stream] = stamp_of(encoded[-1])
        self._line.by_stream[stream] += packet_bytes(_ADDRESS.up(stream), payload) + _PUBACK_BYTES
        ack = Ack(epoch=_EPOCH, stream=stream, seq=self._seqs[stream], entry_at=self._stamps[stream])
        self._line.acks += packet_bytes(_ADDRESS.ack(stream), encode(ack)) + _PUBACK_BYTES


class _Day:
    """An EVSE of 22 kW whose charger speaks OCPP 1.6."""

    def __init__(self, sizes: WireSizes, luck: random.Random) -> None:
        self._sizes = sizes
        self._luck = luck
        self._play = Play(site=new_site())
        self.line = _Line()
        self._uplink = _Uplink(self.line)
        self._blocks: dict[datetime, list[TelemetryBlock]] = defaultdict(list)
        self._waiting: list[MeterValuesSampled] = []
        self._truth: dict[tuple[Measurand, str | None], list[tuple[int, int]]] = defaultdict(list)
        self._told: dict[tuple[Measurand, str | None], list[tuple[int, int]]] = defaultdict(list)
        self._meter_wh = 1_000_000

    def play_through(self) -> dict[datetime, list[TelemetryBlock]]:
        """Blocks by the end of their quarter; all else went over the line. Raises AssertionError for a bent curve."""
        play, sizes = self._play, self._sizes
        play.connect("A")
        self._send()
        for session in range(sizes.sessions):
            begins = START + session * timedelta(days=1) / sizes.sessions
            self._pass_to(begins)
            self._charge()
        self._pass_to(START + timedelta(days=1))
        self._pack(play.now + QUARTER)
        self._check()
        return self._blocks

    def _pass_to(self, at: datetime) -> None:
        beats = int((at - self._play.now).total_seconds()) // self._sizes.heartbeat_s
        for _ in range(max(0, beats)):
            self._frame("Heartbeat", {}, {"currentTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"})
        self._play.now = at
        self._pack(at)

    def _charge(self) -> None:
        play, sizes = self._play, self._sizes
        self._status(ConnectorStatus.OCCUPIED, None, "Preparing")
        started = number(play.start(self._meter_wh))
        tag = {"connectorId": 1, "idTag": "GOOD", "meterStart": self._meter_wh, "timestamp": self._stamp()}
        self._frame("StartTransaction", tag, {"transactionId": int(started), "idTagInfo": {"status": "Accepted"}})
        self._send()
        self._status(ConnectorStatus.OCCUPIED, ChargingState.CHARGING, "Charging")
        steps = int(sizes.charging.total_seconds()) // sizes.every_s
        for sampled in islice(charging(self._luck, self._meter_wh, sizes.every_s), steps):
            self._meter_wh = sampled[0][2]
            play.now += timedelta(seconds=sizes.every_s)
            self._pack(play.now)
            samples = tuple(Sample(measurand, value, play.now, phase=phase) for measurand, phase, value in sampled)
            for sample in samples:
                self._truth[sample.measurand, sample.phase].append((_ms(play.now), sample.value))
            self.line.readings += len(samples)
            play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=started, samples=samples))
            self._frame("MeterValues", self._values(int(started), samples), {})
            self._send()
        play.stop(started, self._meter_wh)
        ended = {"transactionId": int(started), "meterStop": self._meter_wh, "timestamp": self._stamp()}
        self._frame(
            "StopTransaction", ended | {"idTag": "GOOD", "reason": "Local"}, {"idTagInfo": {"status": "Accepted"}}
        )
        self._send()
        self._status(ConnectorStatus.OCCUPIED, None, "Finishing")
        self._status(ConnectorStatus.AVAILABLE, None, "Available")

    # --- the line ---

    def _status(self, status: ConnectorStatus, state: ChargingState | None, said: str) -> None:
        self._play.status("A", 1, status, state)
        told = {"connectorId": 1, "errorCode": "NoError", "status": said, "timestamp": self._stamp()}
        self._frame("StatusNotification", told, {})
        self._send()

    def _stamp(self) -> str:
        return f"{self._play.now:%Y-%m-%dT%H:%M:%S.000Z}"

    def _values(self, transaction: int, samples: Sequence[Sample]) -> dict[str, Any]:
        sampled = []
        for sample in samples:
            unit, scale = _UNITS[sample.measurand]
            value = {"value": f"{sample.value / scale:g}" if scale > 1 else str(sample.value), "unit": unit}
            about = {"context": "Sample.Periodic", "measurand": sample.measurand.value}
            sampled.append(value | about | ({"phase": sample.phase} if sample.phase else {}))
        meter = [{"timestamp": self._stamp(), "sampledValue": sampled}]
        return {"connectorId": 1, "transactionId": transaction, "meterValue": meter}

    def _frame(self, action: str, payload: dict[str, Any], reply: dict[str, Any]) -> None:
        """The call and its answer, as both went over the charger's socket."""
        name = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
        for frame in ([2, name, action, payload], [3, name, reply]):
            raw = json.dumps(frame, separators=(",", ":")).encode()
            self.line.frames += packet_bytes(_FRAME_TOPIC, raw) + _PUBACK_BYTES

    def _send(self) -> None:
        """What the last message brought, a batch for each stream."""
        self._waiting += self._play.readings
        self._play.readings.clear()
        for stream in Stream:
            self._uplink.publish(stream, [entry for entry in self._play.entries if entry.stream is stream])
        self._play.entries.clear()

    def _pack(self, now: datetime) -> None:
        quarter = quarter_of(now)
        over = [body for body in self._waiting if quarter_of(body.at) < quarter]
        if over:
            self._waiting = [body for body in self._waiting if quarter_of(body.at) >= quarter]
            blocks = blocks_of("A", 1, [json.loads(msgspec.json.encode(body)) for body in over])
            for block in blocks:
                self._blocks[quarter].append(block)
                for curve in curves_in(block):
                    self._told[curve.measurand, curve.phase] += zip(curve.times_ms, curve.values, strict=True)

    # --- the truth ---

    def _check(self) -> None:
        """Each reading beside the last one that was told before it, by the rules that were in force."""
        rules = self._play.site.filters.evse.by_measurand
        for curve, truth in self._truth.items():
            told = sorted(set(self._told[curve]))
            times = [at_ms for at_ms, _ in told]
            for at_ms, value in truth:
                place = bisect_right(times, at_ms) - 1
                if place < 0 or not _is_allowed(rules[curve[0]], at_ms, value, *told[place]):
                    raise AssertionError(f"{curve} at {at_ms}: {value}, told was {told[max(0, place)]}")
            if not set(told) <= set(truth):
                raise AssertionError(f"{curve}: readings that nobody sent")


def _is_allowed(rule: MeasurandRule, at_ms: int, value: int, told_ms: int, told: int) -> bool:
    """Told itself, or no news beside it."""
    return (at_ms, value) == (told_ms, told) or not rule.is_news(value, told, timedelta(milliseconds=at_ms - told_ms))


def _ms(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
