"""What the frame log shows in place of id tokens, keys and passwords. In doubt it hides more.

A frame that holds none of the words under which secrets are sent stays byte for byte as it came. Any other is read: a
value under a secret's name, or beside one (`{"key": "AuthorizationKey", "value": ...}`), is masked, and so is the same
text anywhere else in the frame. Of a frame that cannot be read only the standard's own words are shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any, Final

import msgspec
import orjson

from protocols.ocpp.version import ErrorCode, Version, wire_code

MASK: Final = "****"
MAX_UNREADABLE_BYTES: Final = 4_096
"""Of a frame that cannot be read, so much is shown."""
MAX_DEPTH: Final = 64
MAX_NAME: Final = 64
MAX_DIGITS: Final = 4
"""A number under a name that nobody knows is shown when it is so short."""
SHORTEST_SCRUBBED: Final = 4
"""A shorter secret is not looked for in the rest of its frame: it would be found in everything."""

_SHORT: Final = re.compile(rb'\[(?:2,"[\w.:-]*","Heartbeat",\{\}|3,"[\w.:-]*",\{(?:"currentTime":"[\w.:+-]*")?\})\]')
"""Most of what is ever said: a heartbeat, its answer, and answers that say nothing."""
_PROPER: Final = re.compile(rb'\s*\[\s*(?:2\s*,\s*"[^"\\]*"\s*,\s*"(\w+)"|3\s*,\s*"[^"\\]*")\s*,\s*\{')
"""Up to the payload of a CALL or CALLRESULT, which begins as an object should."""
_TOKEN: Final = re.compile(
    rb'("(?:idTag|parentIdTag|idToken)"\s*:\s*)"([^"\\]*)"|"(?:idTagInfo|idTokenInfo|idToken|groupIdToken)"\s*:\s*\{'
)
"""Every place where a frame of the standard names a token, each with one of the two words in it."""
_WITH_TOKEN: Final = frozenset(
    {
        *(b"Authorize", b"StartTransaction", b"StopTransaction", b"RemoteStartTransaction"),
        *(b"RequestStartTransaction", b"ReserveNow", b"SendLocalList"),
    }
)
"""They carry a token, by whatever name: one without is looked at closely."""
_WELL_FORMED: Final = msgspec.json.Decoder(msgspec.Raw)
"""Reads JSON over without making anything of it."""
_SECRET_WORD: Final = re.compile(rb"\\|@|key|pass|_tag|rfid|emaid|secret|pin|pwd|psk|customer|credential")
"""In lower case: what any secret but a token comes with; and what could hide one."""
_VARYING: Final = b"0123456789.:-+"
"""What differs from one frame of a kind to the next. No word of secrets or tokens has any of it, so a text that is
without them when this is taken out is without them as it stands."""
MAX_SHAPE: Final = 2_048
"""Bytes of a frame without what varies, as far as it is remembered."""
MAX_SHAPES: Final = 256
"""So many are remembered; stations of one make send a handful."""
_COMPACT: Final = (b'[2,"', b'[3,"')
"""How nearly every frame begins, up to its message id, which is letters, digits and hyphens then."""
_ID_BEGIN: Final = len(_COMPACT[0])
_TRANSACTION_ID: Final = b'"transactionId":"'
"""Of OCPP 2.0.1: mostly a UUID, another one for each transaction, and no secret."""
_NEAR: Final = 400
"""It stands so near to the begin of a frame."""
_SECRET_NAME: Final = re.compile(
    r"passw|passphrase|pwd|secret|credential|psk$|pin$|token|idtag|rfid|emaid|customeridentifier|customercertificate"
    r"|authorizationkey|privatekey|encryptionkey|wifikey|apikey|accesskey|masterpassgroup"
)
"""Names of fields and of configuration keys or variables, in lower case without separators."""
_TOKEN_NAME: Final = re.compile(r"idtoken|idtag|rfid|emaid")
_ABOUT_TOKENS: Final = frozenset({"idtaginfo", "idtokeninfo"})
"""Objects named after a token that say something about it."""
_NAMES: Final = frozenset({"key", "name", "variable"})
"""Which configuration key or variable an object is about."""
_NAMING: Final = _NAMES | {"component", "unknownkey", "configurationkey"}
"""Where such names stand; they are shown, what they are set to is not."""
_ABOUT_PEOPLE: Final = frozenset({"NotifyCustomerInformation"})
"""Requests whose `data` is about a person."""
_ERROR_CODES: Final = frozenset(wire_code(code, version) for code in ErrorCode for version in Version)
_SECRET_IN_TEXT: Final = re.compile(
    r"passw|secret|token|idtag|id_tag|\brfid|private key|authorizationkey", re.IGNORECASE
)
_USER_IN_URL: Final = re.compile(r"(://)[^/@\s]*@")
_SEPARATORS: Final = re.compile(r"[^a-z0-9]")
_STRING_OR_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[^\s\[\]{},:"]+', re.DOTALL)
_PLAIN_WORD: Final = re.compile(r"[A-Za-z]?[a-z]+|\d{1,3}")
_WORD: Final = re.compile(r"[^\s/:;,.()'\"]+")
_LINE_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")


class _Name(Enum):
    """What a field's name says about its value."""

    PLAIN = 0
    TOKEN = 1
    SECRET = 2
    UNKNOWN = 3
    """Not a word of the standard: texts and long numbers are masked."""


class Masker:
    """Masks one frame after the other. A token's mask ends in four digits that are the same wherever it comes again, as
    long as `key` is: they lead nobody back to it who has not got the key."""

    def __init__(self, words: Callable[[], frozenset[str]], key: bytes) -> None:
        """`words` gives the names and values of the standard; it is asked when a frame has to be read. `key` is secret,
        random and kept nowhere."""
        self._words = words
        self._key = key
        self._name = lru_cache(maxsize=4_096)(self._name_of)
        self._digits = lru_cache(maxsize=4_096)(self._digits_of)
        self._harmless: set[bytes] = set()

    def learn(self) -> None:
        """Read the standard's words now, not with the first frame."""
        self._words()

    def mask(self, raw: bytes) -> bytes:
        """The frame as it may be kept, in one line."""
        if _shape(raw) in self._harmless:
            return raw
        if _SHORT.fullmatch(raw) is not None:
            return raw
        masked = self._masked_quickly(raw)
        if masked is None:
            return self._masked_slowly(raw)
        return masked.translate(_LINE_BREAKS) if b"\n" in raw or b"\r" in raw else masked

    def _masked_quickly(self, raw: bytes) -> bytes | None:
        """The way of nearly all frames: a CALL or CALLRESULT in ASCII, without escapes, that has none of the words of
        secrets in it, or only tokens where they belong. None for any other."""
        if not raw.isascii() or not raw.endswith(b"}]") or (proper := _PROPER.match(raw)) is None:
            return None
        if proper[1] is not None and proper[1].decode() not in self._words():
            return None  # nobody knows what is in it
        try:
            _WELL_FORMED.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return None
        if proper[1] not in _WITH_TOKEN and _is_harmless(
            raw[proper.start(1) if proper[1] else proper.end() :].translate(None, _VARYING)
        ):
            self._remember_harmless(raw)
            return raw
        low = raw.lower()
        if _SECRET_WORD.search(low) is not None:
            return None
        words = low.count(b"token") + low.count(b"idtag")
        found: list[bytes] = []
        masked, replaced = _TOKEN.subn(partial(self._masked_token, found), raw) if words else (raw, 0)
        if not found and proper[1] in _WITH_TOKEN:
            return None
        is_all = replaced == words and not any(text in masked for text in found if len(text) >= SHORTEST_SCRUBBED)
        return masked if is_all else None

    def _remember_harmless(self, raw: bytes) -> None:
        """The next frame of this shape is known at a glance."""
        shape = _shape(raw)
        if shape is not None and len(shape) <= MAX_SHAPE and b"\n" not in shape and b"\r" not in shape:
            if len(self._harmless) >= MAX_SHAPES:
                self._harmless.clear()
            self._harmless.add(shape)

    def _masked_token(self, found: list[bytes], match: re.Match[bytes]) -> bytes:
        token = match[2]
        if not token:
            return match[0]
        found.append(token)
        return b'%b"%b%b"' % (match[1], MASK.encode(), self._digits(token.decode()).encode())

    def _masked_slowly(self, raw: bytes) -> bytes:
        try:
            frame = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return self._unreadable(raw)
        found: set[str] = set()
        match frame:
            case [2 | 6 as kind, str() as message_id, str() as action, dict() as payload]:
                is_secret = action in _ABOUT_PEOPLE or action not in self._words()
                shown = [kind, message_id, action, self._shown(payload, found, 0, is_about_secret=is_secret)]
            case [3, str() as message_id, dict() as payload]:
                shown = [3, message_id, self._shown(payload, found, 0)]
            case [4 | 5 as kind, str() as message_id, *parts] if 1 <= len(parts) <= 3:
                prose = [self._prose(part) for part in parts[:2]]
                shown = [kind, message_id, *prose, *(self._shown(part, found, 0) for part in parts[2:])]
            case _:
                return self._unreadable(raw)
        masked = orjson.dumps(shown)
        secrets = {text for text in found if len(text) >= SHORTEST_SCRUBBED and text not in self._words()}
        if any(text in masked.decode() for text in secrets):
            masked = orjson.dumps(_scrubbed(shown, secrets))
        return masked

    # --- a frame that can be read ---

    def _shown(self, value: Any, found: set[str], depth: int, *, is_about_secret: bool = False) -> Any:
        """A value under a name that says nothing about it; `is_about_secret`: something around it does."""
        if depth > MAX_DEPTH:
            return MASK
        match value:
            case dict():
                return self._shown_object(value, found, depth, is_about_secret=is_about_secret)
            case list():
                return [self._shown(item, found, depth + 1, is_about_secret=is_about_secret) for item in value]
            case str():
                return self._shown_text(value, found, depth)
            case _:
                return value

    def _shown_object(
        self, value: dict[str, Any], found: set[str], depth: int, *, is_about_secret: bool
    ) -> dict[str, Any]:
        is_about_secret = is_about_secret or any(
            _is_secret_name(text) for key in value if key.lower() in _NAMES for text in _texts(value[key])
        )
        shown: dict[str, Any] = {}
        for key, inner in value.items():
            low, name = key.lower(), self._name(key)
            if low == "key" and "user" in value:  # that of a VPN
                shown[key] = self._masked(inner, _Name.SECRET, found, depth + 1)
            elif low in _NAMING:
                shown[key] = self._shown_names(inner, found, depth + 1)
            elif name is not _Name.PLAIN:
                shown[key] = self._masked(inner, name, found, depth + 1)
            elif is_about_secret and ("value" in low or low == "data"):
                shown[key] = self._masked(inner, _Name.SECRET, found, depth + 1)
            elif depth == 0 and not is_about_secret and type(inner) is list and not _holds_secrets(inner):
                shown[key] = inner  # meter values, most often
            else:
                shown[key] = self._shown(inner, found, depth + 1, is_about_secret=is_about_secret)
        return shown

    def _shown_names(self, value: Any, found: set[str], depth: int) -> Any:
        """Names of configuration keys and variables, and the objects that hold them."""
        if isinstance(value, list) and depth <= MAX_DEPTH:
            return [self._shown_names(item, found, depth + 1) for item in value]
        if isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= MAX_NAME:
            return value
        return self._shown(value, found, depth)

    def _masked(self, value: Any, name: _Name, found: set[str], depth: int) -> Any:
        """A value under a secret's name, with all that is in it; or under a name that nobody knows."""
        if depth > MAX_DEPTH:
            return MASK
        match value:
            case list():
                return [self._masked(item, name, found, depth + 1) for item in value]
            case dict():
                return {key: self._masked_within(key, inner, name, found, depth) for key, inner in value.items()}
            case None | bool() | "":
                return value
        text = str(value)
        if name is _Name.UNKNOWN and (text in self._words() or (type(value) is not str and len(text) <= MAX_DIGITS)):
            return value
        found.add(text)
        return f"{MASK}{self._digits(text)}" if name is _Name.TOKEN else MASK

    def _masked_within(self, key: str, value: Any, name: _Name, found: set[str], depth: int) -> Any:
        if key == "type" and isinstance(value, str) and value in self._words():  # what kind of token it is
            return value
        return self._masked(value, name, found, depth + 1)

    def _shown_text(self, text: str, found: set[str], depth: int) -> str:
        """A text may itself be JSON, or speak of secrets (DataTransfer, a station's own remarks)."""
        if text in self._words():
            return text
        if "://" in text:
            text = _USER_IN_URL.sub(rf"\1{MASK}@", text)
        if _SECRET_IN_TEXT.search(text) is None:
            return text
        try:
            inner = orjson.loads(text)
        except orjson.JSONDecodeError:
            return MASK
        return orjson.dumps(self._shown(inner, found, depth + 1)).decode() if isinstance(inner, dict | list) else MASK

    def _prose(self, text: Any) -> Any:
        """The code and the words of a CALLERROR: anything but plain words may be quoted from the call."""
        if not isinstance(text, str):
            return MASK
        if text in _ERROR_CODES:
            return text
        return _WORD.sub(self._plain_word, text)

    def _plain_word(self, found: re.Match[str]) -> str:
        word = found[0]
        is_plain = word in self._words() or _PLAIN_WORD.fullmatch(word) is not None
        return word if is_plain else MASK

    # --- a frame that cannot be read ---

    def _unreadable(self, raw: bytes) -> bytes:
        known = self._words()

        def shown(found: re.Match[str]) -> str:
            text = found[0]
            if text[0] == '"':
                return text if text[1:-1] in known and text[-1] == '"' else f'"{MASK}"'
            return text if text in known or text in ("true", "false", "null") or _is_short_number(text) else MASK

        head = raw[:MAX_UNREADABLE_BYTES]
        rest = f" ... of {len(raw)} bytes" if len(raw) > len(head) else ""
        text = _STRING_OR_WORD.sub(shown, head.decode(errors="replace")) + rest
        return text.encode().translate(_LINE_BREAKS)

    # --- names ---

    def _name_of(self, key: str) -> _Name:
        plain = _SEPARATORS.sub("", key.lower())
        if plain in _ABOUT_TOKENS:
            return _Name.PLAIN
        if _is_secret_name(key):
            return _Name.TOKEN if _TOKEN_NAME.search(plain) else _Name.SECRET
        return _Name.PLAIN if key in self._words() else _Name.UNKNOWN

    def _digits_of(self, text: str) -> str:
        return blake2b(text.encode(errors="replace"), key=self._key, digest_size=2).hexdigest()


def _shape(raw: bytes) -> bytes | None:
    """What is left of a frame without its message id, its transactionId and what varies; None where it begins in
    another way than nearly all do."""
    if not raw.startswith(_COMPACT):
        return None
    id_end = raw.find(b'"', _ID_BEGIN)
    if not raw[_ID_BEGIN:id_end].replace(b"-", b"").isalnum():
        return None
    named = raw.find(_TRANSACTION_ID, id_end, id_end + _NEAR)
    begin = named + len(_TRANSACTION_ID)
    end = raw.find(b'"', begin) if named >= 0 else -1
    if end < 0 or not raw[begin:end].replace(b"-", b"").isalnum():
        return raw[id_end:].translate(None, _VARYING)
    return (raw[id_end:begin] + raw[end:]).translate(None, _VARYING)


def _holds_secrets(value: list[Any]) -> bool:
    try:
        low = orjson.dumps(value).lower()
    except TypeError:  # deeper than it goes
        return True
    return not low.isascii() or not _is_harmless(low)


def _is_harmless(text: bytes) -> bool:
    """Whether there is no word in it with which secrets or tokens come."""
    low = text.lower()
    return _SECRET_WORD.search(low) is None and b"token" not in low and b"idtag" not in low


@lru_cache(maxsize=4_096)
def _is_secret_name(name: str) -> bool:
    plain = _SEPARATORS.sub("", name.lower())
    return plain not in _ABOUT_TOKENS and _SECRET_NAME.search(plain) is not None


def _texts(value: Any) -> list[str]:
    """A name, or the texts in an object that names something, such as 2.0.1's variable."""
    if isinstance(value, str):
        return [value]
    return [text for text in value.values() if isinstance(text, str)] if isinstance(value, dict) else []


def _is_short_number(text: str) -> bool:
    return len(text) <= 2 and text.isdecimal()


def _scrubbed(value: Any, secrets: set[str]) -> Any:
    if isinstance(value, dict):
        return {_scrubbed(key, secrets): _scrubbed(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list):
        return [_scrubbed(item, secrets) for item in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
    elif str(value) in secrets:
        return MASK
    return value
