"""Whether nothing is missing: the chargers' own account, the edge's ledger and the hub, compared bill by bill.

Each check returns every problem in words, and nothing when all is well.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from cloud.store.telemetry_tables import entry_of
from deploy.demo.polled import Bay, Visit
from deploy.demo.site import Edge, Hub
from edge.domain.meters import METER_SILENT, METERS_DISAGREE
from edge.domain.polled import NOT_STEERED
from edge.domain.unbilled import ENERGY_WITHOUT_TRANSACTION
from edge.ledger import readings
from edge.ledger.bill_tables import bill_of
from edge.ledger.journal import read_entries
from edge.ledger.packing import blocks_of
from protocols.ocpi.cdr import Cdr
from protocols.sync.blocks import Curve, TelemetryBlock, curves_in
from protocols.sync.codec import MAX_SEQ, decode_entry
from protocols.sync.topics import Stream
from protocols.terms import Measurand

ADDED_BY_HUB: Final = ("status", "edge_id", "received_at", "decision")
ROUNDING_WH: Final = 10
"""A station that samples in kWh and bills in Wh may show this much less or more."""
ABOUT_ENERGY: Final = (METERS_DISAGREE, METER_SILENT, ENERGY_WITHOUT_TRANSACTION, NOT_STEERED)
_ALARMS: Final = "SELECT body FROM entries WHERE stream = 'event' AND instr(body, '\"alarm_raised\"') ORDER BY seq"
_CDR: Final = TypeAdapter(Cdr)
_EVER: Final = datetime.max.replace(tzinfo=UTC)


# --- between the parts ---


async def compare_all(edge: Edge, hub: Hub) -> list[str]:
    """Every way in which the ledger contradicts itself, or the hub the ledger; asked when the day is over."""
    cdrs = edge.cdrs()
    return [
        *check_ledger(edge.ledger),
        *check_telemetry(edge.ledger, cdrs),
        *compare_journal(edge.ledger, hub.database),
        *compare_with_hub(cdrs, await hub.client.all("cdrs")),
        *compare_sessions(cdrs, await hub.client.all("sessions")),
    ]


def compare_with_hub(cdrs: Iterable[Cdr], at_hub: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every way in which the hub's bills differ from the edge's; each must be there exactly once and equal."""
    problems = []
    expected = {cdr.id: json.loads(_CDR.dump_json(cdr)) for cdr in cdrs}
    for cdr_id, count in Counter(item["id"] for item in at_hub).items():
        if count > 1:
            problems.append(f"bill {cdr_id} is at the hub {count} times")
        if cdr_id not in expected:
            problems.append(f"bill {cdr_id} is at the hub, but not at the edge")
    held = {item["id"]: {key: value for key, value in item.items() if key not in ADDED_BY_HUB} for item in at_hub}
    for cdr_id, document in expected.items():
        if cdr_id not in held:
            problems.append(f"bill {cdr_id} is not at the hub")
        elif held[cdr_id] != document:
            differing = [key for key in document if held[cdr_id].get(key) != document[key]]
            problems.append(f"bill {cdr_id} is not the same at the hub: {', '.join(differing)}")
    return problems


def compare_sessions(cdrs: Iterable[Cdr], at_hub: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every way in which the hub's sessions differ from the bills of their transactions."""
    bills = {cdr.session_id: cdr for cdr in cdrs}
    sessions = {session["id"]: session for session in at_hub}
    problems = [f"session {each} has no bill" for each in sessions.keys() - bills.keys()]
    problems += [f"transaction {each} is no session at the hub" for each in bills.keys() - sessions.keys()]
    for session_id in sorted(bills.keys() & sessions.keys()):
        cdr, session = bills[session_id], sessions[session_id]
        wanted = (cdr.id, cdr.total_energy_wh, cdr.total_cost.incl_vat, "INVALID" if cdr.quarantine else "COMPLETED")
        cost = Decimal(session["total_cost"]["incl_vat"]) if session["total_cost"] else None
        found = (session["cdr_id"], session["energy_wh"], cost, session["status"])
        if found != wanted:
            problems.append(f"session {session_id} is {found} at the hub, its bill says {wanted}")
    return problems


def compare_with_chargers(transactions: Iterable[Mapping[str, Any]], cdrs: Iterable[Cdr]) -> list[str]:
    """Every way in which the bills differ from the chargers' account; each acknowledged transaction is billed once."""
    problems = []
    bills = Counter(_of_bill(cdr) for cdr in cdrs if not cdr.quarantine)
    for t in transactions:
        if not t["acknowledged_start"] and not t["acknowledged_stop"]:
            continue
        key = _of_charger(t)
        if bills[key] != 1:
            what = f"{t['station']}*{t['evse']} {t['meter_start_wh']}..{t['meter_stop_wh']} Wh from {t['started_at']}"
            problems.append(f"transaction {t['transaction_id']} ({what}) is billed {bills[key]} times")
        del bills[key]
    problems += [f"there is a bill that no charger knows of: {key}" for key in bills]
    return problems


_Key = tuple[str, int, str | None, int, int, datetime, datetime]


def _of_bill(cdr: Cdr) -> _Key:
    place = (cdr.station_id, cdr.evse_id, cdr.token_uid)
    return (*place, cdr.meter_start_wh, cdr.meter_stop_wh, cdr.start_date_time, cdr.end_date_time)


def _of_charger(t: Mapping[str, Any]) -> _Key:
    times = (datetime.fromisoformat(t["started_at"]), datetime.fromisoformat(t["ended_at"]))
    return (t["station"], t["evse"], t["id_token"], t["meter_start_wh"], t["meter_stop_wh"], *times)


def compare_with_meters(bays: Iterable[Bay], cdrs: Iterable[Cdr]) -> list[str]:
    """Every way in which the bills of these chargers differ from what their own meters counted."""
    ordered = sorted(cdrs, key=lambda cdr: cdr.end_date_time)
    problems = []
    for bay in bays:
        bills = [cdr for cdr in ordered if cdr.station_id == bay.station_id]
        if len(bills) != len(bay.visits) or not all(map(_is_of, bills, bay.visits)):
            counted = [(visit.token_uid, float(visit.began_wh), float(visit.ended_wh)) for visit in bay.visits]
            billed = [(cdr.token_uid, cdr.meter_start_wh, cdr.meter_stop_wh, cdr.quarantine) for cdr in bills]
            problems.append(f"{bay.station_id} was at {counted} by its own meter; it is billed {billed}")
    return problems


def _is_of(cdr: Cdr, visit: Visit) -> bool:
    """A bill counts in whole watt-hours."""
    return (
        cdr.token_uid == visit.token_uid
        and cdr.quarantine == ()
        and abs(cdr.meter_start_wh - visit.began_wh) < 1
        and abs(cdr.meter_stop_wh - visit.ended_wh) < 1
        and cdr.total_energy_wh == cdr.meter_stop_wh - cdr.meter_start_wh
    )


# --- within the ledger, and its copy at the hub ---


def alarms_about_energy(ledger: Path) -> list[str]:
    """Every alarm about meters and energy that was ever raised; for a site with which nothing was wrong."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        told = [json.loads(body)["body"] for (body,) in database.execute(_ALARMS)]
    return [f"a false alarm: {each['alarm']}: {each['text']}" for each in told if each["alarm"] in ABOUT_ENERGY]


def check_ledger(ledger: Path) -> list[str]:
    """Every way in which the ledger contradicts itself: gaps, double or missing bills and postings, unequal legs."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        return [*_gaps(database), *_unbilled(database), *_misposted(database)]


def check_telemetry(ledger: Path, cdrs: Iterable[Cdr]) -> list[str]:
    """Every way in which the readings that were kept contradict the bills: registers that a bill does not span."""
    spans = {cdr.session_id: (cdr.meter_start_wh, cdr.meter_stop_wh) for cdr in cdrs if not cdr.quarantine}
    problems = []
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        for curve in _curves(database):
            if curve.measurand is not Measurand.ENERGY_REGISTER or curve.transaction_id not in spans:
                continue
            first, last = spans[curve.transaction_id]
            problems += [
                f"the telemetry of {curve.transaction_id} reads {value} Wh, its bill is about {first} to {last}"
                for value in curve.values
                if not first - ROUNDING_WH <= value <= last + ROUNDING_WH
            ]
    return problems


def _curves(database: sqlite3.Connection) -> Iterator[Curve]:
    """All that was kept of the meters: in blocks, and waiting to be packed into one."""
    for _, entry in read_entries(database, Stream.TELEMETRY, 0, MAX_SEQ):
        body = decode_entry(entry).body
        if isinstance(body, TelemetryBlock):
            yield from curves_in(body)
    waiting = readings.waiting(database, before=_EVER, after=_EVER)
    for each in waiting:
        for block in blocks_of(each.station_id, each.evse_id, readings.kept(database, each.numbers)):
            yield from curves_in(block)


def compare_journal(ledger: Path, hub_database: Path) -> list[str]:
    """Every way in which the hub's raw entries differ from the edge's journal, byte by byte, and what is not acked."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        mine = {
            (stream.value, seq): bytes(body)
            for stream in Stream
            for seq, body in read_entries(database, stream, 0, MAX_SEQ)
        }
        acked = dict(database.execute("SELECT stream, seq FROM acked"))
        (epoch,) = database.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    with closing(sqlite3.connect(f"file:{hub_database}?mode=ro", uri=True)) as database:
        query = "SELECT stream, seq, raw FROM entries WHERE epoch = ?"
        theirs = {(stream, seq): raw.encode() for stream, seq, raw in database.execute(query, (epoch,))}
        query = "SELECT seq, head, data FROM telemetry_blocks WHERE epoch = ?"
        for seq, head, data in database.execute(query, (epoch,)):
            theirs[Stream.TELEMETRY.value, seq] = entry_of(head, data).encode()
        dead = database.execute("SELECT stream, seq, reason FROM dead_letters").fetchall()
    problems = [f"{stream} {seq} is a dead letter at the hub: {reason}" for stream, seq, reason in dead]
    problems += [f"journal entry {each} is not at the hub" for each in sorted(mine.keys() - theirs.keys())]
    problems += [
        f"the hub has an entry {each} that the edge never made" for each in sorted(theirs.keys() - mine.keys())
    ]
    problems += [
        f"entry {each} is another one at the hub" for each in mine.keys() & theirs.keys() if mine[each] != theirs[each]
    ]
    last: Counter[str] = Counter()
    for stream, seq in mine:
        last[stream] = max(last[stream], seq)
    problems += [
        f"{stream} is acknowledged up to {acked.get(stream, 0)} of {seq}"
        for stream, seq in last.items()
        if acked.get(stream, 0) != seq
    ]
    return problems


def _gaps(database: sqlite3.Connection) -> list[str]:
    found = {stream: [seq for seq, _ in read_entries(database, stream, 0, MAX_SEQ)] for stream in Stream}
    return [
        f"the journal's {stream} has {len(seqs)} entries from {seqs[0]} to {seqs[-1]}"
        for stream, seqs in found.items()
        if seqs != list(range(1, len(seqs) + 1))
    ]


def _unbilled(database: sqlite3.Connection) -> list[str]:
    """Each transaction started once, ended once, billed once; none is open."""
    counted: dict[str, Counter[str]] = {}
    for (body,) in database.execute("SELECT body FROM entries WHERE stream = 'money' ORDER BY seq"):
        entry = json.loads(body)["body"]
        match entry["kind"]:
            case "transaction_started" | "transaction_ended":
                counted.setdefault(entry["transaction_id"], Counter())[entry["kind"]] += 1
            case "cdr_issued" | "cdr_quarantined":
                counted.setdefault(entry["cdr"]["session_id"], Counter())["billed"] += 1
    wanted = {"transaction_started": 1, "transaction_ended": 1, "billed": 1}
    problems = [f"transaction {each}: {dict(counts)}" for each, counts in counted.items() if counts != wanted]
    (bills,) = database.execute("SELECT COUNT(*) FROM cdrs").fetchone()
    (still_open,) = database.execute("SELECT COUNT(*) FROM open_transactions").fetchone()
    if bills != len(counted):
        problems.append(f"{len(counted)} transactions are in the journal, {bills} bills in the table")
    if still_open:
        problems.append(f"{still_open} transactions are open")
    return problems


def _misposted(database: sqlite3.Connection) -> list[str]:
    """Each issued bill has exactly one posting, a quarantined one none; the legs are the bill's and sum to zero."""
    legs: dict[str, dict[str, Decimal]] = {}
    for posting_id, account, amount in database.execute("SELECT posting_id, account, amount FROM posting_legs"):
        legs.setdefault(posting_id, {})[account] = Decimal(amount)
    postings: dict[str, list[str]] = {}
    for posting_id, cdr_id in database.execute("SELECT posting_id, cdr_id FROM postings WHERE cdr_id IS NOT NULL"):
        postings.setdefault(cdr_id, []).append(posting_id)
    problems = [f"the legs of posting {each} do not sum to zero" for each, parts in legs.items() if sum(parts.values())]
    for (encoded,) in database.execute("SELECT entry FROM cdrs"):
        cdr = bill_of(decode_entry(encoded))
        found = postings.pop(cdr.id, [])
        if len(found) != (0 if cdr.quarantine else 1):
            problems.append(f"bill {cdr.id} has {len(found)} postings")
        for posting_id in found:
            owed = legs.get(posting_id, {}).get(f"customer:{cdr.contract_id}")
            if owed != cdr.total_cost.incl_vat:
                problems.append(f"posting {posting_id} books {owed}, bill {cdr.id} says {cdr.total_cost.incl_vat}")
    return problems + [f"postings of a bill that does not exist: {each}" for each in postings]
