"""The wire of the contract: JSON with a schema version, zlib above 1 KiB. Readers ignore unknown fields.

Entries are encoded once, when they are journaled, and travel in batches as the bytes they were stored as.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from protocols.errors import BadEntry
from protocols.fact import ENCODER
from protocols.sync import quick_reading
from protocols.sync.account_lists import AccountsPart
from protocols.sync.down import Ack, AnyDocument, Command
from protocols.sync.lists import TokensPart
from protocols.sync.present import SCHEMA_VERSION, Birth, EdgeState, Live
from protocols.sync.topics import Stream
from protocols.sync.up import Entry

COMPRESS_ABOVE_BYTES: Final = 1024
MAX_BATCH_ENTRIES: Final = 500
MAX_BATCH_BYTES: Final = 64 * 1024
MAX_INFLATED_BYTES: Final = 48 * 1024 * 1024
"""Of any message: what 100,000 customers with their contracts and balances come to, and a few MiB compressed."""
MAX_READ_BATCH_BYTES: Final = 16 * 1024 * 1024
"""Of a batch, inflated: far more than an edge sends, and not more than a hub can read beside all others."""
MAX_READ_BATCH_ENTRIES: Final = 20 * MAX_BATCH_ENTRIES
MAX_SEQ: Final = 2**53 - 1

Message = Birth | EdgeState | Live | Ack | AnyDocument | TokensPart | AccountsPart | Command
M = TypeVar("M", bound=Message)

_ZLIB_MAGIC: Final = b"\x78"
_HEAD: Final = 200
_AT: Final = re.compile(r'"at": ?"([^"]{1,64})"')
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_ENTRY: Final = TypeAdapter(Entry)
_MESSAGES: Final[dict[type, TypeAdapter[Any]]] = {message: TypeAdapter(message) for message in get_args(Message)}


class ForeignVersion(BadEntry):
    """A whole message of a schema version that is not read here. Nothing of it is taken, and nothing acknowledged: who
    sent it keeps it until one side is updated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An entry of a batch that does not decode; `raw` is what arrived."""

    seq: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Consecutive entries of one stream. `entries` and `dead` together hold every seq from `first_seq` to `last_seq`.

    `raw` holds each entry's JSON as it arrived, by seq. `after_at` is when the entry before the first one was made, as
    the edge wrote it; None where the sender does not say.
    """

    epoch: str
    stream: Stream
    first_seq: int
    last_seq: int
    entries: tuple[Entry, ...]
    dead: tuple[DeadLetter, ...]
    raw: dict[int, str]
    after_at: str | None = None


@dataclass(frozen=True, slots=True)
class _Versioned:
    """The one field that every message of every version has."""

    v: int


_VERSION: Final = TypeAdapter(_Versioned)


def encode_entry(entry: Entry) -> bytes:
    """An entry as it is stored and sent. Raises UnicodeEncodeError for half a surrogate pair."""
    return ENCODER.encode(entry)


def decode_entry(raw: bytes | str) -> Entry:
    """Raises BadEntry."""
    try:
        return _ENTRY.validate_json(raw)
    except ValidationError as error:
        raise BadEntry(_first_problem(error)) from error


def stamp_of(encoded: bytes | str) -> str | None:
    """When an entry was made, as it is written in it: it stands before the body."""
    head = encoded[:_HEAD]
    found = _AT.search(head if isinstance(head, str) else head.decode(errors="replace"))
    return found[1] if found else None


def encode_batch(
    epoch: str, stream: Stream, first_seq: int, encoded: Sequence[bytes], after_at: str | None = None
) -> bytes:
    """A batch for `up/{stream}` from entries that are encoded already."""
    about = {"v": SCHEMA_VERSION, "epoch": epoch, "stream": stream, "first_seq": first_seq}
    head = json.dumps(about if after_at is None else {**about, "after_at": after_at})
    return _compress(head[:-1].encode() + b', "entries": [' + b",".join(encoded) + b"]}")


def decode_batch(payload: bytes) -> Batch:
    """Read a batch; an entry that does not decode becomes a dead letter. Raises BadEntry for a bad batch,
    ForeignVersion for one of another schema version."""
    document = _decompress(payload, MAX_READ_BATCH_BYTES)
    return _read_quickly(document) or _read_batch(document)


def _read_quickly(document: bytes) -> Batch | None:
    """A batch as edges write it; None for one of which something is unusual as a whole."""
    envelope = quick_reading.read_envelope(document)
    if envelope is None or envelope.v != SCHEMA_VERSION or not 0 < len(envelope.entries) <= MAX_READ_BATCH_ENTRIES:
        return None
    if not 1 <= envelope.first_seq <= MAX_SEQ - len(envelope.entries):
        return None
    reading = _Reading(envelope.stream, envelope.first_seq)
    are_plain = quick_reading.is_plain(document)
    for raw in envelope.entries:
        encoded = bytes(raw)
        entry = quick_reading.read_entry(encoded) if are_plain or quick_reading.is_plain(encoded) else None
        if entry is not None and (entry.stream, entry.seq) == (reading.stream, reading.next_seq):
            reading.take(entry, encoded.decode())
            continue
        try:
            item = json.loads(encoded)
        except (ValueError, RecursionError):
            return None
        reading.read(item)
    return reading.batch(envelope.epoch, envelope.after_at)


def _read_batch(document: bytes) -> Batch:
    """Any batch, with the reason of what is wrong with it."""
    try:
        told = json.loads(document)
        version, epoch, stream = told["v"], told["epoch"], Stream(told["stream"])
        first_seq, items, after_at = told["first_seq"], told["entries"], told.get("after_at")
        _check_version(version)
        if not isinstance(epoch, str) or not isinstance(items, list) or not items:
            raise ValueError("no epoch or no entries")
        if len(items) > MAX_READ_BATCH_ENTRIES:
            raise ValueError(f"{len(items)} entries")
        if type(first_seq) is not int or not 1 <= first_seq <= MAX_SEQ - len(items):
            raise ValueError(f"first_seq {first_seq!r}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadEntry(f"not a batch: {error!r}") from error
    reading = _Reading(stream, first_seq)
    for item in items:
        reading.read(item)
    return reading.batch(epoch, after_at if isinstance(after_at, str) else None)


class _Reading:
    """A batch while its entries are read, one behind the other."""

    def __init__(self, stream: Stream, first_seq: int) -> None:
        self.stream = stream
        self.first_seq = self.next_seq = first_seq
        self._entries: list[Entry] = []
        self._dead: list[DeadLetter] = []
        self._raw: dict[int, str] = {}

    def take(self, entry: Entry, raw: str) -> None:
        """An entry that is read already."""
        self._raw[self.next_seq] = raw
        self._entries.append(entry)
        self.next_seq += 1

    def read(self, item: Any) -> None:
        """The next entry, or a dead letter in its place."""
        seq, raw = self.next_seq, _storable(json.dumps(item, ensure_ascii=False, separators=(",", ":")))
        try:
            if "\\u0000" in raw and _NUL.search(raw):
                raise BadEntry("holds a NUL character, which no text column of PostgreSQL can store")
            entry = decode_entry(raw)
            if (entry.stream, entry.seq) != (self.stream, seq):
                raise BadEntry(f"entry {entry.stream} {entry.seq} stands at {self.stream} {seq}")
            self.take(entry, raw)
        except BadEntry as error:
            self._dead.append(DeadLetter(seq=seq, reason=error.reason, raw=raw))
            self._raw[seq] = raw
            self.next_seq += 1

    def batch(self, epoch: str, after_at: str | None) -> Batch:
        return Batch(
            epoch=epoch,
            stream=self.stream,
            first_seq=self.first_seq,
            last_seq=self.next_seq - 1,
            entries=tuple(self._entries),
            dead=tuple(self._dead),
            raw=self._raw,
            after_at=after_at,
        )


def encode(message: Message) -> bytes:
    """Any other message of the contract. Raises BadEntry for one that is longer than any reader takes."""
    body = _MESSAGES[type(message)].dump_json(message)
    if len(body) >= MAX_INFLATED_BYTES:
        raise BadEntry(f"{type(message).__name__}: {len(body)} bytes, and no reader takes {MAX_INFLATED_BYTES}")
    return _compress(b'{"v":%d,%b' % (SCHEMA_VERSION, body[1:]))


def decode(kind: type[M], payload: bytes) -> M:
    """Read a message of a known kind. Raises BadEntry, ForeignVersion where it is of another schema version."""
    body = _decompress(payload)
    try:
        _check_version(_VERSION.validate_json(body).v)
        message: M = _MESSAGES[kind].validate_json(body)
    except ValidationError as error:
        raise BadEntry(f"not a {kind.__name__}: {_first_problem(error)}") from error
    return message


def _check_version(version: object) -> None:
    if version != SCHEMA_VERSION:
        remedy = "update this side" if type(version) is int and version > SCHEMA_VERSION else "update whoever sent it"
        raise ForeignVersion(f"schema version {version!r}, and this side reads {SCHEMA_VERSION}: {remedy}")


def _storable(raw: str) -> str:
    """Half a surrogate pair as the escape it came as: it has no UTF-8, so no database and no socket would take it."""
    return raw.encode("utf-8", "backslashreplace").decode()


def _compress(raw: bytes) -> bytes:
    return zlib.compress(raw, 6) if len(raw) > COMPRESS_ABOVE_BYTES else raw


def _decompress(payload: bytes, most_bytes: int = MAX_INFLATED_BYTES) -> bytes:
    if not payload.startswith(_ZLIB_MAGIC):
        if len(payload) > most_bytes:
            raise BadEntry(f"{len(payload)} bytes, more than {most_bytes}")
        return payload
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(payload, most_bytes)
    except zlib.error as error:
        raise BadEntry(f"not zlib: {error}") from error
    if not inflater.eof:
        raise BadEntry(f"truncated, or more than {most_bytes} bytes when inflated")
    return raw


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'document'}: {first['msg']}"
