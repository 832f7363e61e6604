"""A request as most are, every field as its schema wants it, read in one step.

`frame.parse` and `schema.decode` read a frame in two, for they must say what is wrong with it. Here whatever is not in
order gives None and is for them.
"""

from __future__ import annotations

from functools import lru_cache
from types import GenericAlias
from typing import Any, Final, Literal

import msgspec

from protocols.ocpp.frame import MAX_FRAME_BYTES, Call, MessageId
from protocols.ocpp.schema import known_actions, struct_of
from protocols.ocpp.version import Version

_ACTIONS_KEPT: Final = 512
"""More than all versions have; whoever makes up others makes us forget some, and find them again."""
_HEAD_BYTES: Final = 128
"""The message id and the action end within them."""
_KEEPS_ANYTHING: Final = "DataTransfer"
"""Whose payload has a field that keeps whatever it holds, however deep. All others are as deep as their schemas; what a
station adds to its customData is skipped, and not kept."""
_NOT_HERE: Final = msgspec.Raw()


def proper_call(raw: bytes, version: Version) -> Call | None:
    """The request with its payload decoded, where nothing at all is wrong with it."""
    head = raw[:_HEAD_BYTES].split(b'"', 4)
    if len(head) != 5 or len(raw) > MAX_FRAME_BYTES or not raw.isascii():
        return None
    decoder = _decoder(version, head[3])
    if decoder is None:
        return None
    try:
        _, message_id, action, payload = decoder.decode(raw)
    except (ValueError, RecursionError):  # msgspec's DecodeError is a ValueError
        return None
    return Call(message_id, action, _NOT_HERE, payload)


@lru_cache(_ACTIONS_KEPT)
def _decoder(version: Version, action: bytes) -> msgspec.json.Decoder[Any] | None:
    name = action.decode(errors="replace")
    if name not in known_actions(version) or name == _KEEPS_ANYTHING:
        return None
    return msgspec.json.Decoder(
        GenericAlias(tuple, (Literal[2], MessageId, Literal[(name,)], struct_of(version, name)))
    )
