"""All benchmarks by name, at the sizes of a suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from tests.bench.big_ledger import BigLedgerSizes, big_ledger
from tests.bench.boot import BootSizes, boot_storm
from tests.bench.device import DeviceSizes, device_bytes
from tests.bench.drain import DrainSizes, drain_60_days
from tests.bench.fleets import FLEET_30000, FLEET_100000, FleetSizes, fleet_30000, fleet_100000
from tests.bench.ingest import IngestSizes, hub_ingest_postgresql, hub_ingest_sqlite, telemetry_ingest
from tests.bench.memory import MemorySizes, steady_memory
from tests.bench.modbus import LineSizes, PollSizes, modbus_line, modbus_poll
from tests.bench.money import FindSizes, find_customer, month_report_of
from tests.bench.money_ledger import MoneyLedger, MoneySizes
from tests.bench.money_proof import verify_year
from tests.bench.pairs import PacedSizes, start_stop_paced
from tests.bench.prices import PriceSizes, price_cdr_96_periods, running_cost_1000
from tests.bench.result import Result
from tests.bench.retention import RetentionSizes, trim_beside_commits
from tests.bench.scale import ScaleSizes, cost_per_message
from tests.bench.storage import StorageSizes, edge_storage
from tests.bench.storm import StormSizes, connect_storm
from tests.bench.throughput import THROUGHPUT, Sizes
from tests.bench.wire import WireSizes, wire_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """How much of each."""

    throughput: Sizes = field(default_factory=Sizes)
    paced: PacedSizes = field(default_factory=PacedSizes)
    scale: ScaleSizes = field(default_factory=ScaleSizes)
    storm: StormSizes = field(default_factory=StormSizes)
    boot: BootSizes = field(default_factory=BootSizes)
    fleet: FleetSizes = FLEET_30000
    large_fleet: FleetSizes = FLEET_100000
    memory: MemorySizes = field(default_factory=MemorySizes)
    big_ledger: BigLedgerSizes = field(default_factory=BigLedgerSizes)
    retention: RetentionSizes = field(default_factory=RetentionSizes)
    storage: StorageSizes = field(default_factory=StorageSizes)
    money: MoneySizes = field(default_factory=MoneySizes)
    month_rounds: int = 3
    prices: PriceSizes = field(default_factory=PriceSizes)
    find: FindSizes = field(default_factory=FindSizes)
    poll: PollSizes = field(default_factory=PollSizes)
    line: LineSizes = field(default_factory=LineSizes)
    ingest: IngestSizes = field(default_factory=IngestSizes)
    drain: DrainSizes = field(default_factory=DrainSizes)
    wire: WireSizes = field(default_factory=WireSizes)
    device: DeviceSizes = field(default_factory=DeviceSizes)


USUAL: Final = Suite()
FULL: Final = Suite(
    large_fleet=replace(FLEET_100000, load=replace(FLEET_100000.load, hold_s=300.0)),
    fleet=replace(FLEET_30000, load=replace(FLEET_30000.load, hold_s=120.0)),
    memory=MemorySizes(load=replace(MemorySizes().load, hold_s=1_800.0)),
    drain=DrainSizes(days=60),
    wire=WireSizes(evses=40),
)
"""With the long ones as long as they were meant to be."""


def catalogue(suite: Suite) -> dict[str, Callable[[], Result]]:
    """Benchmarks to be called."""
    bills = MoneyLedger(suite.money)
    return {
        **{benchmark.name: partial(benchmark.run, suite.throughput) for benchmark in THROUGHPUT},
        "start_stop_paced": partial(start_stop_paced, suite.paced),
        "cost_per_message": partial(cost_per_message, suite.scale),
        "connect_storm": partial(connect_storm, suite.storm),
        "boot_storm": partial(boot_storm, suite.boot),
        "fleet_30000": partial(fleet_30000, suite.fleet),
        "fleet_100000": partial(fleet_100000, suite.large_fleet),
        "steady_memory": partial(steady_memory, suite.memory),
        "big_ledger": partial(big_ledger, suite.big_ledger),
        "trim_beside_commits": partial(trim_beside_commits, suite.retention),
        "edge_storage": partial(edge_storage, suite.storage),
        "verify_year": partial(verify_year, bills),
        "price_cdr_96_periods": partial(price_cdr_96_periods, suite.prices),
        "running_cost_1000": partial(running_cost_1000, suite.prices),
        "find_customer": partial(find_customer, suite.find),
        "month_report": partial(month_report_of, bills, suite.month_rounds),
        "modbus_poll": partial(modbus_poll, suite.poll),
        "modbus_line_9600": partial(modbus_line, 9_600, suite.line),
        "modbus_line_19200": partial(modbus_line, 19_200, suite.line),
        "hub_ingest_sqlite": partial(hub_ingest_sqlite, suite.ingest),
        "hub_ingest_postgresql": partial(hub_ingest_postgresql, suite.ingest),
        "telemetry_ingest": partial(telemetry_ingest, suite.ingest),
        "drain_60_days": partial(drain_60_days, suite.drain),
        "wire_bytes": partial(wire_bytes, suite.wire),
        "device_bytes": partial(device_bytes, suite.device),
    }
