"""What a site takes on its disk: a real ledger filled with days of charging, held against `ohmstead-edge disk-plan`."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from edge.disk_plan import Usage, bytes_of
from edge.domain.decide import decide
from edge.domain.events import SiteEvent, SiteReply
from edge.domain.site import Site
from edge.domain.telemetry import Readings, TelemetryRules
from edge.ledger.ledger import Ledger
from edge.ledger.packing import QUARTER, Packer
from edge.ledger.restore import restore
from edge.ports import Commit, OnReply
from protocols.charger.commands import Acknowledged
from protocols.charger.events import Sample
from protocols.sync import codec
from protocols.sync.topics import Stream
from protocols.sync.up import Entry, MeterValuesSampled, SampledValue
from protocols.terms import Measurand
from tests.bench import machine
from tests.bench.ledger_maker import LedgerSizes, make_ledger
from tests.bench.processes import run_folder
from tests.bench.result import Result
from tests.bench.throughput import say
from tests.edge.domain.site_kit import new_site

Message = list[tuple[Measurand, int, str | None]]
_EDGE_ID: Final = "bench"
_EPOCH: Final = datetime(2026, 3, 2, tzinfo=UTC)
_RULES: Final = TelemetryRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSizes:
    """Days of a site that is as the plan has it."""

    usage: Usage = field(default_factory=lambda: Usage(evses=40, is_filtered=False))
    days: int = 3


class _Deciding:
    """The agent's part: decides what is packed, and commits it. No other events come."""

    def __init__(self, ledger: Ledger, site: Site) -> None:
        self.ledger = ledger
        self.site = site
        self.now = _EPOCH

    def put(self, event: SiteEvent, on_reply: OnReply | None = None, is_moot: object = None) -> None:
        raise NotImplementedError

    async def ask(self, event: SiteEvent) -> SiteReply:
        decision = decide(self.site, event, self.now)
        await self.ledger.commit(Commit(entries=decision.entries, packed=decision.packed))
        return Acknowledged()


def edge_storage(sizes: StorageSizes) -> Result:
    """Bytes a reading on the disk, with all that belongs to it, beside what JSON in the journal took."""
    with run_folder() as folder:
        path = folder / "ledger.sqlite"
        usage, days = sizes.usage, sizes.days
        sessions = round(usage.evses * usage.sessions * days)
        make_ledger(
            path,
            _EDGE_ID,
            LedgerSizes(entries=0, transactions=sessions, open_transactions=0, stations=usage.evses, days=max(days, 1)),
            _EPOCH,
        )
        without = _size(path)
        found = asyncio.run(_fill(path, sizes))
        whole = _size(path)
    telemetry = whole - without
    planned = bytes_of(usage, days=days, money_days=days)
    say(f"edge_storage: {whole} bytes, {planned.ledger_bytes} planned; {telemetry / found.samples:.2f} bytes a reading")
    return Result(
        name="edge_storage",
        value=telemetry / found.samples,
        unit="bytes a reading on the disk, unfiltered",
        baseline="an entry of JSON for each message, as before",
        baseline_value=found.json_bytes / found.samples,
        ratio=telemetry / found.json_bytes,
        is_better="lower",
        details={
            "wire_bytes_a_reading": found.wire_bytes / found.samples,
            "packed_readings_per_s": found.samples / found.packing_s,
            "kept_by_filter": found.kept_share,
            "ledger_bytes": whole,
            "planned_bytes": planned.ledger_bytes,
            "taken_of_planned": whole / planned.ledger_bytes,
            "money_and_events_bytes": without,
        },
        conditions=machine.describe()
        | {
            "load": f"{usage.evses} EVSEs, {days} days, {sessions} sessions",
            "readings": f"{found.samples} in {found.blocks} blocks",
        },
    )


@dataclass(slots=True)
class _Found:
    samples: int = 0
    blocks: int = 0
    json_bytes: int = 0
    wire_bytes: int = 0
    packing_s: float = 0.0
    kept_share: float = 0.0


async def _fill(path: Path, sizes: StorageSizes) -> _Found:
    """Every session of every EVSE, quarter by quarter, as the agent keeps and packs it."""
    found, usage = _Found(), sizes.usage
    luck = random.Random(7)
    with Ledger(path, _EDGE_ID) as ledger:
        deciding = _Deciding(ledger, restore(ledger, new_site().rules))
        packer = Packer(ledger, deciding, lambda: deciding.now, pause_s=0)
        streams = [_sessions(luck, usage) for _ in range(usage.evses)]
        filters = [Readings(None, _EPOCH) for _ in range(usage.evses)]
        for quarter in range(sizes.days * 96):
            begins = _EPOCH + quarter * QUARTER
            readings = []
            for evse, stream in enumerate(streams):
                drawn = list(itertools.islice(stream, usage.messages_a_quarter))
                readings += _kept(evse, quarter, begins, drawn, usage, filters[evse])
            found.samples += sum(len(each.samples) for each in readings)
            found.json_bytes += sum(_json_bytes(each) for each in readings)
            for first in range(0, len(readings), 500):
                await ledger.commit(Commit(readings=readings[first : first + 500]))
            deciding.now = begins + 2 * QUARTER
            began_s = time.process_time()
            await packer.pack(begins + QUARTER)
            found.packing_s += time.process_time() - began_s
        found.blocks = ledger.last_seq(Stream.TELEMETRY)
        found.wire_bytes = await _wire_bytes(ledger)
    found.kept_share = _kept_share(usage)
    return found


def _sessions(luck: random.Random, usage: Usage) -> Iterator[Message]:
    """An EVSE's messages one after the other; empty ones while nobody charges."""
    pause = round(24 * 3600 / usage.interval_s / usage.sessions) - usage.messages_a_session
    yield from ([] for _ in range(luck.randrange(pause)))
    while True:
        yield from _session(luck, usage)
        yield from ([] for _ in range(pause))


def _session(luck: random.Random, usage: Usage) -> Iterator[Message]:
    """Eleven kW on three phases with the noise of a meter that shows 0.1 A, 0.1 V and 1 W."""
    energy, charge = luck.randrange(10**7) + 0.0, luck.uniform(10, 60)
    for _ in range(usage.messages_a_session):
        currents = [16_000 + luck.choice((-100, 0, 0, 100, 200)) for _ in range(3)]
        volts = [100 * (2_300 + round(luck.gauss(0, 8))) for _ in range(3)]
        power = sum(ma * mv for ma, mv in zip(currents, volts, strict=True)) // 1_000_000
        energy += power * usage.interval_s / 3600
        charge = min(100.0, charge + power * usage.interval_s / 3600 / 600)
        yield [
            (Measurand.ENERGY_REGISTER, int(energy), None),
            (Measurand.POWER, power, None),
            *((Measurand.CURRENT, ma, f"L{n}") for n, ma in enumerate(currents, 1)),
            (Measurand.VOLTAGE, volts[0], "L1-N"),
            (Measurand.STATE_OF_CHARGE, int(charge), None),
        ]


def _kept(
    evse: int, quarter: int, begins: datetime, drawn: list[Message], usage: Usage, by_filter: Readings
) -> list[MeterValuesSampled]:
    kept = []
    for number, message in enumerate(drawn):
        at = begins + timedelta(seconds=usage.interval_s * number, milliseconds=evse)
        samples = tuple(SampledValue(*each) for each in message)
        if usage.is_filtered:
            let_through = by_filter.take([_sample(each, at) for each in message], at, _RULES, 0)
            samples = tuple(SampledValue(each.measurand, each.value, each.phase) for each, _ in let_through)
        if samples:
            transaction_id = f"{_EDGE_ID}-01234567-{quarter // 8:06}"
            body = MeterValuesSampled(
                station_id=f"S{evse + 1:05}", evse_id=1, transaction_id=transaction_id, at=at, samples=samples
            )
            kept.append(body)
    return kept


def _sample(told: tuple[Measurand, int, str | None], at: datetime) -> Sample:
    measurand, value, phase = told
    return Sample(measurand=measurand, value=value, phase=phase, at=at)


def _json_bytes(kept: MeterValuesSampled) -> int:
    """What an entry of the journal took before: its JSON and its time, without the keys of the row."""
    entry = codec.encode_entry(Entry(stream=Stream.TELEMETRY, seq=1_000_000, at=kept.at, body=kept))
    return len(entry) + len(kept.at.isoformat())


async def _wire_bytes(ledger: Ledger) -> int:
    """All of it in batches, as they are sent."""
    after, total = 0, 0
    while rows := await ledger.read(Stream.TELEMETRY, after, codec.MAX_BATCH_ENTRIES, codec.MAX_BATCH_BYTES):
        entries = [entry for _, entry in rows]
        total += len(codec.encode_batch(ledger.epoch, Stream.TELEMETRY, after + 1, entries))
        after = rows[-1][0]
    return total


def _kept_share(usage: Usage) -> float:
    """Which part of such sessions the usual filter keeps."""
    luck = random.Random(8)
    kept = all_of_them = 0
    for _ in range(5):
        filtered = Readings("tx", _EPOCH)
        for number, message in enumerate(_session(luck, usage)):
            at = _EPOCH + number * timedelta(seconds=usage.interval_s)
            samples = [_sample(each, at) for each in message]
            kept += len(filtered.take(samples, at, _RULES, 0))
            all_of_them += len(samples)
    return kept / all_of_them


def _size(path: Path) -> int:
    """Of the pages that are in use."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        names = ("page_count", "freelist_count", "page_size")
        pages, free, page_bytes = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return int((pages - free) * page_bytes)
