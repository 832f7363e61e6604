"""The codes on connectors: an address of the payment page that names site, station, EVSE and connector, signed by the
site.

A sticker over a code leads elsewhere, or is not signed; a code that was moved names another connector. Whoever has the
site's public key can tell, the page above all: it shows a driver nothing to pay for an address that is not signed.
The signature is Ed25519 (RFC 8032) over each part with its length, the page's own address among them.

Codes of before name no connector. They are good for as long as their EVSE has one: there is nothing to confuse.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge.token_file import ensure_token
from protocols.errors import BadText
from protocols.site.code_requests import ConnectorRef
from protocols.terms import EvseRef

KEY_FILE: Final = "qr.key"
PURPOSE: Final = "ohmstead-qr-1"
MAX_URL: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorCode:
    """Where a code belongs; `connector_id` None: it was made when codes named an EVSE alone."""

    edge_id: str
    station_id: str
    evse_id: int
    connector_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReader:
    """Reads the codes that are presented at the site. `connectors`: how many each EVSE has."""

    edge_id: str
    page: str
    key: Ed25519PublicKey
    connectors: Mapping[EvseRef, int]

    def place(self, url: str) -> ConnectorRef:
        found = read_code(url, self.page, self.key)
        if found.edge_id != self.edge_id:
            raise BadText(f"this code belongs to another site, {found.edge_id}: take it off")
        ref = EvseRef(found.station_id, found.evse_id)
        count = self.connectors.get(ref)
        if count is None:
            raise BadText(f"this code belongs to {ref}, which the site does not have any more: take it off")
        if found.connector_id is None and count > 1:
            raise BadText(
                f"this code names no connector, and {ref} has {count}: print one for each with `ohmstead-edge qr`"
            )
        if found.connector_id is not None and found.connector_id > count:
            raise BadText(
                f"this code belongs to connector {found.connector_id} of {ref}, which has {count}: take it off"
            )
        return ConnectorRef(ref, found.connector_id or 1)


def code_url(page: str, key: Ed25519PrivateKey, code: ConnectorCode) -> str:
    """The address that a connector's code holds; `page` is the payment page's."""
    base = page.rstrip("/")
    parts = _parts(code)
    signature = urlsafe_b64encode(key.sign(_signed(base, *parts))).decode().rstrip("=")
    return f"{base}/{'/'.join(quote(part, safe='') for part in parts)}?s={signature}"


def read_code(url: str, page: str, key: Ed25519PublicKey) -> ConnectorCode:
    """Where a code that somebody scanned belongs. Raises BadText, for a person, where it is none of the site's."""
    base = page.rstrip("/")
    if len(url) > MAX_URL or not url.isprintable():
        raise BadText("this is no address of a payment page")
    try:
        found, ours = urlsplit(url.strip()), urlsplit(base)
        host, expected = found.hostname or "", ours.hostname or ""
    except ValueError as error:
        raise BadText("this is no address of a payment page") from error
    if (found.scheme, found.netloc) != (ours.scheme, ours.netloc):
        raise BadText(f"this code leads to {host or 'nowhere'}, not to {expected}: it is not ours, take it off")
    path = found.path.removeprefix(ours.path).removeprefix("/").split("/")
    name, _, signature = found.query.partition("=")
    not_ours = f"this code leads to {expected}, but this site did not make it: take it off"
    if len(path) not in (3, 4) or name != "s" or found.fragment or not found.path.startswith(ours.path):
        raise BadText(not_ours)
    parts = [unquote(part) for part in path]
    try:
        key.verify(urlsafe_b64decode(signature + "=" * (-len(signature) % 4)), _signed(base, *parts))
        evse_id, *connector = (int(part) for part in parts[2:])
    except (InvalidSignature, ValueError) as error:
        raise BadText(not_ours) from error
    connector_id = connector[0] if connector else None
    return ConnectorCode(edge_id=parts[0], station_id=parts[1], evse_id=evse_id, connector_id=connector_id)


def ensure_key(folder: Path) -> Ed25519PrivateKey:
    """The site's key, made of a secret in the data folder for the agent's user alone. Raises BadText, OSError."""
    secret = ensure_token(folder / KEY_FILE)
    return Ed25519PrivateKey.from_private_bytes(urlsafe_b64decode(secret + "=" * (-len(secret) % 4))[:32])


def public_key(key: Ed25519PrivateKey) -> str:
    """As the payment page is given it: 32 bytes in base64url."""
    return urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")


def label_svg(url: str, host: str, title: str) -> str:
    """A label to print: the code, and beneath it what it is for and which host it leads to."""
    import segno  # nobody else needs it

    code = segno.make(url, error="m")
    width = code.symbol_size(scale=4, border=4)[0]
    drawing = code.svg_inline(scale=4, border=4)
    lines = (f"{_escaped(title)}", f"{_escaped(host)}")
    texts = "".join(
        f'<text x="{width / 2:g}" y="{width + 22 * number:g}" text-anchor="middle" font-family="sans-serif"'
        f' font-size="{18 if number == 1 else 14}">{line}</text>'
        for number, line in enumerate(lines, 1)
    )
    height = width + 60
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<rect width="100%" height="100%" fill="#fff"/>{drawing}{texts}</svg>\n'
    )


def _parts(code: ConnectorCode) -> tuple[str, ...]:
    parts = (code.edge_id, code.station_id, str(code.evse_id))
    return parts if code.connector_id is None else (*parts, str(code.connector_id))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _signed(*parts: str) -> bytes:
    """No two lists of parts are the same bytes."""
    return "".join(f"{len(part)}:{part}" for part in (PURPOSE, *parts)).encode("utf-8", "surrogatepass")
