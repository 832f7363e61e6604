"""The frame parser and the masking under libFuzzer, which looks for bytes that reach new branches.

atheris is no dependency of this project: `pip install atheris` into any environment that has the edge's, then
`python -m tests.fuzz.parser_target -max_total_time=600 CORPUS_FOLDER` (the folder may be empty at first).
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["protocols.ocpp.frame", "edge.chargers.frame_masking"]):
    from edge.chargers.frame_masking import Masker
    from protocols.ocpp.frame import Call, encode, parse

import orjson

from protocols.errors import BadFrame
from protocols.ocpp.frame import CallError
from protocols.ocpp.version import Version
from protocols.ocpp.vocabulary import words

MASKER = Masker(words, b"fuzz")
SECRET = b"Z3cr3tW0rd"


def one_input(raw: bytes) -> None:
    for version in Version:
        try:
            frame = parse(raw, version)
        except BadFrame as bad:
            encode(CallError(bad.message_id, bad.code, bad.description))
            continue
        if isinstance(frame, Call):
            kind, message_id, action, payload = orjson.loads(raw)
            if (kind, message_id, action) != (2, frame.message_id, frame.action) or not isinstance(payload, dict):
                raise AssertionError("a CALL is read in two ways")
            if orjson.loads(bytes(frame.payload)) != payload:
                raise AssertionError("a payload is read in two ways")
    shown = MASKER.mask(raw)
    if b"\n" in shown or b"\r" in shown:
        raise AssertionError("a frame of two lines")
    if SECRET in MASKER.mask(b'[2,"1","Authorize",{"idTag":"' + SECRET + b'",' + raw.lstrip(b"[{") + b"}]"):
        raise AssertionError("a token was shown")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
