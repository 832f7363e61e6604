"""What the two boxes say to each other: a kind, a length, and a word in JSON, a shipment, a piece of the ledger, or a
place. Over TLS, each showing the certificate that the other knows (`context`)."""

from __future__ import annotations

import asyncio
import json
import ssl
import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from edge.replica import MAX_FRAMES_BYTES, NOWHERE, Place
from protocols.errors import BadText, OhmsteadError

_HEAD: Final = struct.Struct(">BI")
_PLACE: Final = struct.Struct(">8sI")
_OFFSET: Final = struct.Struct(">Q")
HELLO_S: Final = 3.0
BROKEN: Final = (OSError, EOFError, TimeoutError)
"""What a link that ends raises (asyncio.IncompleteReadError is an EOFError)."""


class BadWord(OhmsteadError):
    """What came is not of this language, or not from the other box of this pair."""


class Kind(IntEnum):
    WORD = 1
    SHIPMENT = 2
    PIECE = 3
    PLACE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Who a box is. `term` rises with each take-over; `is_active` is what its disk says it was last, `is_serving` that
    it serves the site now. `began` says with what its ledger took over from the other's."""

    edge_id: str
    term: int
    is_active: bool
    is_serving: bool
    is_alone: bool = False
    began: dict[str, Any] | None = None


class Link:
    """One connection between the boxes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> tuple[Kind, bytes]:
        """Raises BadWord, and what is in BROKEN."""
        kind, size = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
        try:
            known = Kind(kind)
        except ValueError as error:
            raise BadWord(f"a message of kind {kind}") from error
        if size > (MAX_FRAMES_BYTES + 1024 if known is Kind.SHIPMENT else 1 << 20):
            raise BadWord(f"a message of {size} bytes")
        return known, await self._reader.readexactly(size)

    async def read_json(self) -> dict[str, Any]:
        kind, data = await self.read()
        if kind is not Kind.WORD:
            raise BadWord("a word was expected")
        return as_json(data)

    def send(self, kind: Kind, data: bytes) -> None:
        self._writer.write(_HEAD.pack(kind, len(data)))
        self._writer.write(data)

    def send_json(self, **word: Any) -> None:
        self.send(Kind.WORD, json.dumps(word).encode())

    async def drain(self) -> None:
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        """At once: what is still to be sent never will, and whoever waits for that goes on."""
        self._writer.transport.abort()


def as_json(data: bytes) -> dict[str, Any]:
    try:
        word = json.loads(data)
    except ValueError as error:
        raise BadWord(f"no JSON: {error}") from error
    if not isinstance(word, dict):
        raise BadWord("no JSON object")
    return word


def word_of(found: dict[str, Any], edge_id: str) -> Word:
    """The other box's word. Raises BadWord where it is none, or another edge's."""
    try:
        word = Word(**found["word"])
    except (KeyError, TypeError) as error:
        raise BadWord(f"not a word of the other box: {error}") from error
    if word.edge_id != edge_id:
        raise BadWord(f"the other box is edge_id {word.edge_id!r}, this one {edge_id!r}: a pair has one")
    return word


def pack_place(place: Place) -> bytes:
    return _PLACE.pack(*place)


def unpack_place(data: bytes) -> Place:
    try:
        return Place(*_PLACE.unpack(data))
    except struct.error as error:
        raise BadWord("not a place") from error


def place_of(text: object) -> Place:
    """A place in a word; NOWHERE where it is none."""
    try:
        return unpack_place(bytes.fromhex(str(text)))
    except (ValueError, BadWord):
        return NOWHERE


def pack_piece(offset: int, data: bytes) -> bytes:
    return _OFFSET.pack(offset) + data


def unpack_piece(data: bytes) -> tuple[int, bytes]:
    if len(data) < _OFFSET.size:
        raise BadWord("not a piece of a ledger")
    return _OFFSET.unpack_from(data)[0], data[_OFFSET.size :]


def context(certificate_file: Path, key_file: Path, peer_certificate_file: Path, *, is_server: bool) -> ssl.SSLContext:
    """Both show a certificate, and each takes the other's alone; names in them mean nothing. Raises BadText."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    try:
        made.load_cert_chain(certificate_file, key_file, password=lambda: "")  # never ask at a terminal
        made.load_verify_locations(peer_certificate_file)
    except (OSError, ssl.SSLError) as error:
        files = f"{certificate_file}, {key_file} and {peer_certificate_file}"
        raise BadText(f"[standby] the certificates {files} cannot be used: {error}") from error
    return made
