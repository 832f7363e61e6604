"""What a proxy before us saw of a connection: TLS, and the station's certificate. Believed from trusted proxies alone.

nginx checks the certificate against the site CA and tells the outcome in headers that it sets itself, whatever the
client sent under their names (deploy/nginx/nginx.conf).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge.chargers.source_address import Network, is_trusted

SCHEME: Final = "X-Forwarded-Proto"
VERIFIED: Final = "X-SSL-Client-Verify"
SUBJECT: Final = "X-SSL-Client-S-DN"
SERIAL: Final = "X-SSL-Client-Serial"
_SPECIAL: Final = frozenset(',+"\\<>;#= ')
_HEX_PAIR: Final = re.compile("[0-9A-Fa-f]{2}")
HEADERS: Final = (SCHEME, VERIFIED, SUBJECT, SERIAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """`common_name` and `serial_number` of a certificate that was checked; None where none was shown."""

    is_tls: bool = False
    common_name: str | None = None
    serial_number: str | None = None

    @property
    def security_profile(self) -> int:
        """The highest that a station can come with that shows this, and its password where it has no certificate."""
        return 3 if self.common_name is not None else 2 if self.is_tls else 1


NOTHING: Final = Proof()


def proof_of(peer: str, headers: Mapping[str, Sequence[str]], trusted: Iterable[Network]) -> Proof:
    """`headers` has the values of each of HEADERS as they came. A header that came twice says nothing: one of the two
    may be the client's."""
    if not is_trusted(peer, trusted):
        return NOTHING
    said = {name: values[0] if len(values) == 1 else "" for name, values in headers.items()}
    is_tls = said.get(SCHEME, "").lower() == "https"
    if not is_tls or said.get(VERIFIED) != "SUCCESS":
        return Proof(is_tls=is_tls)
    name = read_common_name(said.get(SUBJECT, ""))
    return Proof(is_tls=True, common_name=name or "", serial_number=said.get(SERIAL, "").upper())


def read_common_name(subject: str) -> str | None:
    """The one common name of a distinguished name as RFC 2253 writes it (nginx' $ssl_client_s_dn).

    None where there is none or several, or where it cannot be read: then it names nobody.
    """
    names = []
    for relative in _split(subject, ","):
        parts = _split(relative, "+")
        for part in parts:
            kind, equals, value = part.partition("=")
            if equals and kind.strip().upper() in ("CN", "2.5.4.3"):
                names.append(_unescaped(value))
    return names[0] if len(names) == 1 else None


def _split(text: str, separator: str) -> list[str]:
    """At separators that are not escaped."""
    parts, begin, position = [], 0, 0
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        if text[position] == separator:
            parts.append(text[begin:position])
            begin = position + 1
        position += 1
    return [*parts, text[begin:]]


def _unescaped(value: str) -> str | None:
    r"""RFC 2253 §2.4: `\,` is a comma, `\C3\84` are bytes of UTF-8. None for what is neither, or the `#` form."""
    if value.startswith("#"):
        return None
    raw, position = bytearray(), 0
    while position < len(value):
        if value[position] != "\\":
            raw += value[position].encode()
            position += 1
            continue
        if value[position + 1 : position + 2] in _SPECIAL:
            raw += value[position + 1].encode()
            position += 2
        elif _HEX_PAIR.fullmatch(escaped := value[position + 1 : position + 3]):
            raw.append(int(escaped, 16))
            position += 3
        else:
            return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
