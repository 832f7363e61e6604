"""OCPP-J frames (1.6 §4.2, 2.0.1 and 2.1 Part 4 §4.2): bytes to CALL, CALLRESULT or CALLERROR and back.

Size and nesting are bounded before anything is built. A CALL that is as it should be is recognised in one step, its
payload left as it came for `schema.decode`; every other frame is read again, whole, to say what is wrong with it or to
take it as it is meant. Both readers let the last of duplicate keys win, as JSON.parse does, so no frame can be
understood in two ways.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

import msgspec
import orjson

from protocols.errors import BadFrame
from protocols.ocpp.version import ErrorCode, Version, wire_code

MAX_FRAME_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
"""The deepest payload of the standards nests 12 levels; free data (DataTransfer, customData) gets the rest."""
MAX_MESSAGE_ID_LENGTH: Final = 36
MAX_DESCRIPTION_LENGTH: Final = 255
NO_MESSAGE_ID: Final = "-1"
"""Answers a CALL whose message id cannot be read (2.0.1 Part 4 §4.2.3)."""

_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_BRACES_ALONE: Final = bytes.maketrans(b"[]", b"{}")
_NO_BRACKET: Final = bytes(byte for byte in range(256) if byte not in b'[]{}"\\')
"""What may be left out without changing how brackets nest; quotes and backslashes say which of them are text."""

MessageId = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_MESSAGE_ID_LENGTH)]
_CALL: Final = msgspec.json.Decoder(tuple[Literal[2], MessageId, str, msgspec.Raw])

Payload = dict[str, Any]


class Call(msgspec.Struct, frozen=True, gc=False):
    """A request that came in: `[2, message_id, action, payload]`, the payload a JSON object that nobody has read yet.

    The payload lies in the bytes of the frame and keeps them alive. Or `decoded` is what it says (see `proper_call`).
    """

    message_id: str
    action: str
    payload: msgspec.Raw
    decoded: Any = None


class CallResult(msgspec.Struct, frozen=True, gc=False):
    """An answer: `[3, message_id, payload]`."""

    message_id: str
    payload: Payload


class CallError(msgspec.Struct, frozen=True, gc=False):
    """A refusal: `[4, message_id, code, description, details]`."""

    message_id: str
    code: str
    description: str = ""
    details: Payload = msgspec.field(default_factory=dict)


class Send(msgspec.Struct, frozen=True, gc=False):
    """Told once and never answered, by OCPP 2.1: `[6, message_id, action, payload]`. No stream is opened here that
    would bring one, so it is not read further."""

    message_id: str


Frame = Call | CallResult | CallError | Send


def parse(raw: bytes, version: Version) -> Frame:
    """Read one frame.

    An answer that makes no sense becomes a CallError to the call it names: nobody may answer an answer. So does 2.1's
    CALLRESULTERROR, `[5, message_id, code, description, details]`: it names an answer of ours, which nobody waits for.
    Raises BadFrame, with the CALLERROR code of `version`, for everything that deserves a CALLERROR.
    """
    if len(raw) > MAX_FRAME_BYTES:
        raise _bad(ErrorCode.RPC_FRAMEWORK_ERROR, version, f"a frame may have {MAX_FRAME_BYTES} bytes")
    if is_too_deep(raw):
        raise _bad(ErrorCode.RPC_FRAMEWORK_ERROR, version, f"a frame may nest {MAX_DEPTH} levels")
    call = _proper_call(raw)
    if call is not None:
        return call
    try:
        items = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise _bad(ErrorCode.RPC_FRAMEWORK_ERROR, version, "not JSON") from None
    if type(items) is not list or not items:
        raise _bad(ErrorCode.RPC_FRAMEWORK_ERROR, version, "not a JSON array with a message type")
    kind = items[0]
    if kind == 2:
        return _call(items, version)
    if kind == 3 or kind == 4:
        return _answer(items, version)
    if version is Version.V21 and (kind == 5 or kind == 6):
        return _answer([4, *items[1:]], version) if kind == 5 else Send(_message_id(items) or NO_MESSAGE_ID)
    message_id = _message_id(items) or NO_MESSAGE_ID
    raise _bad(ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED, version, "message types are 2, 3 and 4", message_id)


def encode_result(message_id: str, payload: Payload) -> bytes:
    """Write the answer to a request. Raises TypeError where its payload holds what JSON cannot say."""
    return orjson.dumps([3, message_id, payload])


def encode(frame: CallResult | CallError) -> bytes:
    """Write one answer. Raises TypeError where a payload holds what JSON cannot say."""
    match frame:
        case CallResult():
            return encode_result(frame.message_id, frame.payload)
        case CallError():
            description = frame.description[:MAX_DESCRIPTION_LENGTH]
            return orjson.dumps([4, frame.message_id, frame.code, description, frame.details])


def encode_call(message_id: str, action: str, payload: Payload) -> bytes:
    """Write one request of ours. Raises TypeError where its payload holds what JSON cannot say."""
    return orjson.dumps([2, message_id, action, payload])


def _proper_call(raw: bytes) -> Call | None:
    """The CALL, where it is one in every respect; None where somebody must look closer."""
    try:
        _, message_id, action, payload = _CALL.decode(raw)
        if not raw.isascii():
            raw.decode()  # what is left raw is not checked to be UTF-8
    except ValueError:  # msgspec's DecodeError and UnicodeDecodeError are both one
        return None
    if not raw.endswith(b"}]") and memoryview(payload)[0] != 0x7B:  # {
        return None
    return Call(message_id, action, payload)


def _call(items: list[Any], version: Version) -> Call:
    message_id = _message_id(items)
    if message_id is None:
        text = f"the message id is a text of 1 to {MAX_MESSAGE_ID_LENGTH} characters"
        raise _bad(ErrorCode.RPC_FRAMEWORK_ERROR, version, text)
    if len(items) != 4:
        raise _bad(ErrorCode.PROTOCOL_ERROR, version, "a CALL has 4 elements", message_id)
    _, _, action, payload = items
    if type(action) is not str:
        raise _bad(ErrorCode.RPC_FRAMEWORK_ERROR, version, "the action is a text", message_id)
    if type(payload) is not dict:
        raise _bad(ErrorCode.FORMAT_VIOLATION, version, "the payload is a JSON object", message_id)
    return Call(message_id, action, msgspec.Raw(orjson.dumps(payload)))


def _answer(items: list[Any], version: Version) -> CallResult | CallError:
    message_id = _message_id(items) or NO_MESSAGE_ID
    match items:
        case [3, _, dict() as payload]:
            return CallResult(message_id, payload)
        case [4, _, str() as code, *rest]:
            description = rest[0] if rest and isinstance(rest[0], str) else ""
            details = rest[1] if len(rest) > 1 and isinstance(rest[1], dict) else {}
            return CallError(message_id, code, description, details)
        case _:
            code = wire_code(ErrorCode.FORMAT_VIOLATION, version)
            return CallError(message_id, code, "the station's answer is not a CALLRESULT or CALLERROR")


def _message_id(items: list[Any]) -> str | None:
    message_id = items[1] if len(items) > 1 else None
    if type(message_id) is str and 0 < len(message_id) <= MAX_MESSAGE_ID_LENGTH:
        return message_id
    return None


def is_too_deep(raw: bytes) -> bool:
    """Whether a frame nests more than MAX_DEPTH levels."""
    # Counting is enough for most frames. Of the others the innermost pairs of brackets are taken away, level by level;
    # where a text has brackets or quotes of its own, something remains. Only then is the frame walked, up to the first
    # bracket that is too deep.
    if len(raw) <= 2 * MAX_DEPTH or raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return False
    brackets = raw.translate(_BRACES_ALONE, _NO_BRACKET).replace(b'""', b"")
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"{}", b"")
        if not brackets:
            return False
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(raw):
        match raw[token.start()]:
            case 0x5B | 0x7B:  # [ {
                depth += 1
                if depth > MAX_DEPTH:
                    return True
            case 0x5D | 0x7D:  # ] }
                depth -= 1
    return False


def _bad(code: ErrorCode, version: Version, description: str, message_id: str = NO_MESSAGE_ID) -> BadFrame:
    return BadFrame(wire_code(code, version), description, message_id)
