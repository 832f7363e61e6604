"""Sees what is committed at the edge and at the hub, and what is said between them, and holds one against the other.

It looks into both databases with connections of its own: nobody's word counts but what is on the disks.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from typing import Any, Final

from cloud.store.telemetry_tables import entry_of
from edge.ledger.journal import read_entries
from edge.ledger.ledger import Ledger
from edge.uplink.send_window import SendWindow
from protocols.sync.codec import MAX_SEQ
from protocols.sync.topics import Stream, parse_topic
from tests.simulation.trace import Trace

MAX_VIOLATIONS: Final = 20


def canonical(raw: bytes | str) -> str:
    """An entry as the hub keeps it: the same JSON, without the freedom of how it is written."""
    return json.dumps(json.loads(raw), ensure_ascii=False, separators=(",", ":"))


class Witness:
    """`truth` is every entry that was ever committed at the edge, by epoch, stream and seq."""

    def __init__(self, trace: Trace) -> None:
        self.truth: dict[tuple[str, str, int], bytes] = {}
        self.violations: list[str] = []
        self.hub: sqlite3.Connection | None = None
        self.rejectable: set[tuple[str, str, int]] = set()
        """Entries that the hub is made unable to read."""
        self._last: dict[tuple[str, str], int] = {}
        self._acked: dict[tuple[str, str], int] = {}
        self._trace = trace

    def violated(self, what: str) -> None:
        self._trace.note("witness", "VIOLATION", what)
        if len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(what)

    # --- the edge's disk ---

    def opened(self, ledger: Ledger) -> None:
        """A new process reads what the last one left: all that was committed is there."""
        for stream in Stream:
            known, there = self._last.get((ledger.epoch, stream), 0), ledger.last_seq(stream)
            if there < known:
                self.violated(f"the ledger was at {stream} {known} and opens at {there}")
        self.look_at_ledger(ledger.connection, ledger.epoch)

    def look_at_ledger(self, connection: sqlite3.Connection, epoch: str) -> None:
        """After a commit: note what came, and that the Acks are true."""
        for stream in Stream:
            key = (epoch, stream.value)
            for seq, body in list(read_entries(connection, stream, self._last.get(key, 0), MAX_SEQ)):
                self._kept(epoch, stream.value, seq, bytes(body))
        for stream_name, acked_seq in connection.execute("SELECT stream, seq FROM acked").fetchall():
            key = (epoch, stream_name)
            if self._acked.get(key) != acked_seq:
                self._acked[key] = acked_seq
                self._trace.note("edge", "acked", stream_name, acked_seq)
                if acked_seq > (committed := self._at_hub(epoch, stream_name)):
                    self.violated(f"the edge takes {stream_name} {acked_seq} for acknowledged, the hub has {committed}")

    def _kept(self, epoch: str, stream: str, seq: int, body: bytes) -> None:
        identity = (epoch, stream, seq)
        before = self.truth.setdefault(identity, body)
        if before != body:
            self.violated(f"{stream} {seq} was committed twice, with different content")
        last = self._last.get((epoch, stream), 0)
        if last and seq != last + 1:
            self.violated(f"{stream} {seq} was committed behind {last}")
        self._last[(epoch, stream)] = seq
        self._trace.note("edge", "kept", stream, seq, f"{zlib.crc32(body):08x}")

    # --- what is said ---

    def edge_sends(self, topic: str, payload: bytes) -> None:
        heard = parse_topic(topic)
        self._trace.note("edge", "sends", heard.branch, *heard.rest, f"{zlib.crc32(payload):08x}")
        if heard.branch != "up":
            return
        document = json.loads(zlib.decompress(payload) if payload[:1] == b"\x78" else payload)
        for seq, item in enumerate(document["entries"], document["first_seq"]):
            kept = self.truth.get((document["epoch"], document["stream"], seq))
            if kept is None:
                self.violated(f"{heard.rest[0]} {seq} is sent and not committed")
            elif json.loads(kept) != item:
                self.violated(f"{heard.rest[0]} {seq} is sent with other content than was committed")

    def hub_sends(self, topic: str, payload: bytes) -> None:
        heard = parse_topic(topic)
        self._trace.note("hub", "sends", heard.branch, *heard.rest, f"{zlib.crc32(payload):08x}")
        if heard.branch == "ack":
            ack = json.loads(payload)
            committed = self._at_hub(ack["epoch"], ack["stream"])
            if ack["seq"] > committed:
                self.violated(f"the hub acknowledges {ack['stream']} {ack['seq']} and has {committed}")

    def look_at_window(self, windows: Mapping[Stream, SendWindow]) -> None:
        for stream, window in windows.items():
            if window.batches_waiting > window.max_batches:
                self.violated(f"{window.batches_waiting} batches of {stream} are under way")

    def _at_hub(self, epoch: str, stream: str) -> int:
        assert self.hub is not None
        query = "SELECT seq FROM stream_positions WHERE epoch = ? AND stream = ?"
        row = self.hub.execute(query, (epoch, stream)).fetchone()
        return int(row[0]) if row is not None else 0

    # --- when all is healed ---

    def behind(self, ledger: Ledger) -> dict[str, tuple[int, int]]:
        """By stream that is not told yet: where the edge's disk is, and what the edge knows the hub to have."""
        last = {each: max(ledger.last_seq(each), self._last.get((ledger.epoch, each.value), 0)) for each in Stream}
        return {
            each.value: (seq, ledger.acked_seq(each)) for each, seq in last.items() if ledger.acked_seq(each) != seq
        }

    def hold_against_hub(self, ledger: Ledger) -> None:
        """Entry by entry: what the edge has committed is at the hub, once, as it was; and nothing else is there."""
        assert self.hub is not None
        there = {(row[0], row[1], row[2]): row[3] for row in self._rows("entries")} | self._readings()
        buried = {(row[0], row[1], row[2]): row[3] for row in self._rows("dead_letters")}
        for identity, raw in {**buried, **there}.items():
            kept = self.truth.get(identity)
            if kept is None:
                self.violated(f"the hub has {identity}, which the edge never committed")
            elif canonical(kept) != raw:
                self.violated(f"{identity} is at the hub with other content: {raw[:200]} for {kept[:200]!r}")
        for identity in buried:
            if identity in there:
                self.violated(f"{identity} is at the hub and a dead letter as well")
            if identity not in self.rejectable:
                self.violated(f"{identity} is a dead letter without a reason")
        for identity in self.truth:
            if identity[0] == ledger.epoch and identity not in there and identity not in buried:
                self.violated(f"{identity} is not at the hub")
        for stream in Stream:
            if (at_hub := self._at_hub(ledger.epoch, stream)) != ledger.last_seq(stream):
                self.violated(f"{stream}: the edge is at {ledger.last_seq(stream)}, the hub at {at_hub}")
        self._hold_dead_letters(ledger, {each for each in buried if each[0] == ledger.epoch})

    def _hold_dead_letters(self, ledger: Ledger, buried: set[tuple[str, str, int]]) -> None:
        """The edge knows what the hub could not take, of money above all."""
        rows = ledger.connection.execute("SELECT stream, seq FROM dead_letters").fetchall()
        known = {(ledger.epoch, stream, seq) for stream, seq in rows}
        for identity in sorted(buried - known):
            self.violated(f"{identity} is a dead letter at the hub, and the edge has not heard of it")

    def hold_bills(self) -> None:
        """Every bill once, and of each session one that is issued."""
        assert self.hub is not None
        query = (
            "SELECT session_id, COUNT(*) FROM cdrs WHERE status = 'issued' AND session_id IS NOT NULL"
            " GROUP BY session_id HAVING COUNT(*) > 1"
        )
        for session_id, count in self.hub.execute(query).fetchall():
            self.violated(f"session {session_id} has {count} bills at the hub")
        told = {
            json.loads(body)["body"]["cdr"]["id"]
            for (_, stream, _), body in self.truth.items()
            if stream == "money" and b'"cdr":' in body
        }
        at_hub = {row[0] for row in self.hub.execute("SELECT id FROM cdrs").fetchall()}
        dead = self._dead_cdrs()
        if missing := told - at_hub - dead - self._lost_epochs():
            self.violated(f"bills that are not at the hub: {sorted(missing)}")
        if strange := at_hub - told:
            self.violated(f"bills at the hub that no edge made: {sorted(strange)}")

    def _dead_cdrs(self) -> set[str]:
        dead: set[str] = set()
        for identity in self.rejectable:
            body = self.truth.get(identity, b"")
            if b'"cdr":' in body:
                dead.add(json.loads(body)["body"]["cdr"]["id"])
        return dead

    def _lost_epochs(self) -> set[str]:
        """Bills of a ledger that was lost before it could tell them: nobody has them any more."""
        assert self.hub is not None
        newest = max((epoch for epoch, _ in self._last), key=self._epochs_in_order().index, default="")
        return {
            json.loads(body)["body"]["cdr"]["id"]
            for (epoch, stream, seq), body in self.truth.items()
            if epoch != newest and stream == "money" and b'"cdr":' in body and seq > self._at_hub(epoch, stream)
        }

    def _epochs_in_order(self) -> list[str]:
        return list(dict.fromkeys(epoch for epoch, _, _ in self.truth))

    def _readings(self) -> dict[tuple[str, str, int], str]:
        assert self.hub is not None
        query = "SELECT epoch, seq, head, data FROM telemetry_blocks"
        rows = self.hub.execute(query).fetchall()
        return {(epoch, Stream.TELEMETRY.value, seq): entry_of(head, data) for epoch, seq, head, data in rows}

    def _rows(self, table: str) -> list[Any]:
        assert self.hub is not None
        return self.hub.execute(f"SELECT epoch, stream, seq, raw FROM {table}").fetchall()  # noqa: S608 - our own names
