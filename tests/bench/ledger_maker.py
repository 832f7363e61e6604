"""Makes a large ledger, years of a busy site in minutes: real entries as templates, their numbers and times replaced.

`python -m tests.bench.ledger_maker FILE EDGE_ID [--entries N --transactions N --open N --stations N --days N]`
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from edge.domain.accounts import post_cdr
from edge.domain.phases import Phase
from edge.domain.pricing.price import ENGINE, price_session
from edge.domain.transaction import Transaction
from edge.ledger import partitions
from edge.ledger.chain import link
from edge.ledger.ledger import Ledger
from edge.ledger.projections import encode
from edge.ledger.queries import queries
from protocols.money import ROUNDING_RULE
from protocols.ocpi.cdr import Cdr, ChargingPeriod
from protocols.ocpi.tariff import PriceComponent, Tariff, TariffDimensionType, TariffElement
from protocols.sync.codec import encode_entry
from protocols.sync.up import (
    CdrIssued,
    ConnectorStatusChanged,
    Entry,
    EventBody,
    MeterValuesSampled,
    MoneyBody,
    SampledValue,
    TelemetryBody,
    TransactionEnded,
    TransactionStarted,
    stream_of,
)
from protocols.terms import ChargingState, ConnectorStatus, Measurand

_AT: Final = datetime(2001, 1, 1, tzinfo=UTC)
_TARIFF_OF: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""One tariff prices all bills, as at a site: it is not of the time of each of them."""
_SEQ: Final = 2**53 - 77
_REPLACED: Final = (
    (b"%", b"%%"),
    (b"2001-01-01T00:00:00Z", b"%(at)b"),
    (b"%d" % _SEQ, b"%(seq)d"),
    (b"<tx>", b"%(tx)b"),
    (b"<number>", b"%(number)d"),
    (b"<station>", b"%(station)b"),
    (b"<cdr>", b"%(cdr)b"),
)
"""What stands in the templates for what differs, in this order."""
STATUS_CHANGES: Final = 6
"""Of the connector, per transaction."""
_CHUNK: Final = 500
_TELL_EVERY: Final = 20_000
"""Transactions; below that nobody has to wait."""
_STATEMENTS: Final = ("append", "checkpoint", "keep_past", "drop_open", "add_cdr", "add_posting")
"""In the order in which a chunk's rows must be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSizes:
    """`entries` in all; what the transactions do not need of them is telemetry. The last `open_transactions` run on."""

    entries: int = 10_000_000
    transactions: int = 200_000
    open_transactions: int = 3_000
    stations: int = 1_000
    days: float = 50.0
    station_id: str = "S{n:05}"

    @property
    def telemetry_per_transaction(self) -> int:
        return max(0, self.entries // self.transactions - STATUS_CHANGES - 4)


def make_ledger(path: Path, edge_id: str, sizes: LedgerSizes, until: datetime) -> None:
    """Make a new ledger whose newest entry is from `until` and its oldest `days` before. A long one tells on standard
    error how far it is."""
    with Ledger(path, edge_id) as ledger:
        epoch = ledger.epoch
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # Nothing is lost by a crash here but the making of it.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA cache_size = -262144")
        connection.execute("BEGIN")
        _, genesis = connection.execute(queries()["chain"], (epoch,)).fetchone()
        maker = _Maker(f"{edge_id}-{epoch[:8]}", sizes, until, genesis)
        for first in range(0, sizes.transactions, _CHUNK):
            rows = maker.chunk(range(first, min(first + _CHUNK, sizes.transactions)))
            partitions.write(connection, maker.telemetry)
            maker.telemetry.clear()
            for statement, values in rows.items():
                connection.executemany(queries()[statement], values)
            if first and first % _TELL_EVERY == 0:
                print(f"ledger: {first} of {sizes.transactions} transactions", file=sys.stderr, flush=True)
        connection.execute(queries()["set_meta"], ("last_charger_number", str(sizes.transactions)))
        connection.execute("COMMIT")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


class _Maker:
    """Counts on from chunk to chunk."""

    def __init__(self, prefix: str, sizes: LedgerSizes, until: datetime, genesis: bytes) -> None:
        self._prefix = prefix
        self._hash = genesis
        self._sizes = sizes
        self._begin = until - timedelta(days=sizes.days)
        self._step = timedelta(days=sizes.days) / sizes.transactions
        self._seq = {"money": 0, "event": 0, "telemetry": 0}
        self.telemetry: list[partitions.Stored] = []
        """Of the last chunk, which go into tables of their own."""
        bodies = _bodies()
        self._templates = {name: _template(body) for name, body in bodies.items()}
        self._legs = _replaced(encode(bodies["posting"].legs))
        self._checkpoint = _replaced(encode(_open_transaction()))

    def chunk(self, numbers: range) -> dict[str, list[tuple[object, ...]]]:
        """Rows by statement."""
        rows: dict[str, list[tuple[object, ...]]] = {name: [] for name in _STATEMENTS}
        for number in numbers:
            self._transaction(number, rows)
        return rows

    def _transaction(self, number: int, rows: dict[str, list[tuple[object, ...]]]) -> None:
        sizes = self._sizes
        at = (self._begin + number * self._step).replace(microsecond=0)
        text, stamp = at.isoformat(), f"{at:%Y-%m-%dT%H:%M:%SZ}".encode()
        tx = f"{self._prefix}-{self._seq['money'] + 1}"
        station = sizes.station_id.format(n=number % sizes.stations + 1)
        names: dict[bytes, int | bytes] = {
            b"at": stamp,
            b"tx": tx.encode(),
            b"number": number,
            b"station": station.encode(),
            b"cdr": b"",
        }

        def journal(stream: str, template: str, *, is_kept_apart: bool = False) -> bytes:
            self._seq[stream] += 1
            names[b"seq"] = self._seq[stream]
            body = self._templates[template] % names
            if stream == "telemetry":
                self.telemetry.append(partitions.Stored(self._seq[stream], at, body, None))
            else:
                rows["append"].append((stream, self._seq[stream], text, None if is_kept_apart else body))
            return body

        journal("money", "started")
        for _ in range(STATUS_CHANGES):
            journal("event", "status")
        for _ in range(sizes.telemetry_per_transaction):
            journal("telemetry", "telemetry")
        key = f"1.1|{text}|{number}"
        rows["checkpoint"].append((tx, station, str(number), key, f"04F1{number:010}", self._checkpoint % names))
        if number >= sizes.transactions - sizes.open_transactions:
            return
        rows["keep_past"].append((tx, "Local", text))
        rows["drop_open"].append((tx,))
        journal("money", "ended")
        cdr = f"{self._prefix}-{self._seq['money'] + 1}"
        names[b"cdr"] = cdr.encode()
        entry = journal("money", "bill", is_kept_apart=True)
        self._hash = link(self._hash, entry)
        rows["add_cdr"].append((self._seq["money"], cdr, tx, 0, text, entry, text, 0, None, self._hash))
        entry = journal("money", "posting", is_kept_apart=True)
        self._hash = link(self._hash, entry)
        money_seq = self._seq["money"]
        legs = (self._legs % names).decode()
        name = (money_seq, cdr, f"cdr:{cdr}", cdr, "EUR", "cdr")  # the posting's id as its template has it
        rows["add_posting"].append((*name, legs, "", None, text, entry, self._hash))


def _template(body: MoneyBody | EventBody | TelemetryBody) -> bytes:
    return _replaced(encode_entry(Entry(stream=stream_of(body), seq=_SEQ, at=_AT, body=body)))


def _replaced(encoded: bytes) -> bytes:
    for old, new in _REPLACED:
        encoded = encoded.replace(old, new)
    return encoded


def _bodies() -> dict[str, Any]:
    tariff = _tariff()
    periods = (ChargingPeriod(start_date_time=_AT, energy_wh=20_154, time_s=5400),)
    bill = price_session(tariff, periods)
    cdr = Cdr(
        id="<cdr>",
        session_id="<tx>",
        location_id="LOC-FLEET",
        station_id="<station>",
        evse_id=1,
        token_uid="04F1<number>",
        contract_id="CONTRACT-<number>",
        start_date_time=_AT,
        end_date_time=_AT,
        meter_start_wh=1_000_000,
        meter_stop_wh=1_020_154,
        total_energy_wh=20_154,
        total_time_s=5400,
        total_parking_time_s=0,
        currency="EUR",
        tariff=tariff,
        charging_periods=periods,
        lines=bill.lines,
        total_cost=bill.total,
        stop_reason="Local",
        rounding_rule=ROUNDING_RULE,
        engine=ENGINE,
    )
    started = TransactionStarted(
        transaction_id="<tx>",
        charger_transaction_id="<number>",
        station_id="<station>",
        evse_id=1,
        connector_id=1,
        token_uid="04F1<number>",
        contract_id="CONTRACT-<number>",
        meter_start_wh=1_000_000,
        started_at=_AT,
        tariff_id="ac",
        currency="EUR",
    )
    readings = ((Measurand.ENERGY_REGISTER, 1_010_000), (Measurand.POWER, 11_040), (Measurand.STATE_OF_CHARGE, 56))
    return {
        "started": started,
        "ended": TransactionEnded(
            transaction_id="<tx>",
            station_id="<station>",
            evse_id=1,
            meter_stop_wh=1_020_154,
            ended_at=_AT,
            reason="Local",
        ),
        "bill": CdrIssued(cdr=cdr),
        "posting": post_cdr(cdr, "<cdr>"),
        "status": ConnectorStatusChanged(
            station_id="<station>",
            evse_id=1,
            connector_id=1,
            status=ConnectorStatus.OCCUPIED,
            charging_state=ChargingState.CHARGING,
        ),
        "telemetry": MeterValuesSampled(
            station_id="<station>",
            evse_id=1,
            transaction_id="<tx>",
            at=_AT,
            samples=tuple(SampledValue(measurand=measurand, value=value) for measurand, value in readings),
        ),
    }


def _tariff() -> Tariff:
    components = (
        PriceComponent(type=TariffDimensionType.FLAT, price=Decimal("0.50"), vat=Decimal(19)),
        PriceComponent(type=TariffDimensionType.ENERGY, price=Decimal("0.49"), vat=Decimal(19)),
    )
    elements = (TariffElement(price_components=components),)
    return Tariff(id="ac", currency="EUR", elements=elements, last_updated=_TARIFF_OF)


def _open_transaction() -> Transaction:
    return Transaction(
        transaction_id="<tx>",
        charger_transaction_id="<number>",
        station_id="<station>",
        evse_id=1,
        connector_id=1,
        start_key="1.1|2001-01-01T00:00:00Z|<number>",
        token_uid="04F1<number>",
        contract_id="CONTRACT-<number>",
        group_id=None,
        started_at=_AT,
        meter_start_wh=1_000_000,
        tariff=_tariff(),
        phases=[Phase(start=_AT, start_wh=1_000_000, is_charging=True)],
        last_wh=1_010_000,
        last_at=_AT,
        checkpointed_at=_AT,
        kept_until=_AT,
    )


def _numbers() -> Iterator[tuple[str, int | float]]:
    usual = LedgerSizes()
    yield "entries", usual.entries
    yield "transactions", usual.transactions
    yield "open", usual.open_transactions
    yield "stations", usual.stations
    yield "days", usual.days


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("edge_id")
    for name, usual in _numbers():
        parser.add_argument(f"--{name}", type=type(usual), default=usual)
    chosen = parser.parse_args()
    sizes = LedgerSizes(
        entries=chosen.entries,
        transactions=chosen.transactions,
        open_transactions=chosen.open,
        stations=chosen.stations,
        days=chosen.days,
    )
    make_ledger(chosen.file, chosen.edge_id, sizes, datetime.now(UTC))  # noqa: TID251 - the newest entry is of now


if __name__ == "__main__":
    main()
