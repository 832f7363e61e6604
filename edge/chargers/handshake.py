"""Who may open a WebSocket: decided from the HTTP request alone, before the upgrade (CWE-306)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

import structlog

from edge.chargers.attempts import Attempts
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.client_certificate import NOTHING, Proof
from edge.chargers.credentials import Credentials
from protocols.ocpp.version import SUBPROTOCOLS, Version

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}")
"""RFC 9110 §5.6.2: all that may be said back in a header."""
MAX_STATION_ID_LENGTH: Final = 48
"""OCPP 2.0.1 Part 4 §3.1.1: the identity is an identifierString of up to 48 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The station may come in. `subprotocol` is the client's own spelling, to be echoed; None: it named none."""

    station_id: str
    version: Version
    subprotocol: str | None
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """The station is turned away with an HTTP status, a text for a person and further headers."""

    status: int
    text: str
    headers: tuple[tuple[str, str], ...] = ()


class Gate:
    """Admits or turns away. The same answer, in the same time, whether an id is known or not."""

    def __init__(
        self,
        credentials: Credentials,
        attempts: Attempts,
        metrics: ChargerMetrics,
        monotonic_s: Callable[[], float],
        *,
        allow_unknown: bool,
        default_versions: Mapping[str, Version] = MappingProxyType({}),
        revoked: Collection[str] = frozenset(),
        polled: Collection[str] = frozenset(),
    ) -> None:
        """`revoked` are the serial numbers of certificates that are believed no more; it may grow. `polled` are
        chargers without OCPP: whoever comes under the name of one is not it."""
        self._credentials = credentials
        self._attempts = attempts
        self._metrics = metrics
        self._monotonic_s = monotonic_s
        self._allow_unknown = allow_unknown
        self._default_versions = default_versions
        self._revoked = revoked
        self._polled = polled
        self._log = structlog.get_logger()

    def admit(
        self,
        source: str,
        path: str,
        authorization: str | None,
        offered: Iterable[str],
        proof: Proof = NOTHING,
    ) -> Admitted | Turned:
        """Decide upon one request. `offered` are the values of Sec-WebSocket-Protocol."""
        station_id = read_station_id(path)
        if station_id is None:
            self._metrics.refusals["no_station_id"] += 1
            return Turned(status=404, text="No charging station id: connect to ws://host/{charging_station_id}.\n")
        locked_s = self._attempts.locked_s(source, station_id, self._monotonic_s())
        if locked_s > 0:
            self._metrics.refusals["locked"] += 1
            headers = (("Retry-After", str(ceil(locked_s))),)
            return Turned(status=429, text="Too many failed attempts; try again later.\n", headers=headers)
        is_right = self._is_right(station_id, authorization, proof)
        is_taken = station_id in self._polled or self._credentials.is_known(station_id)
        is_stranger = self._allow_unknown and not is_taken
        if not is_right and not is_stranger:
            return self._refuse(source, station_id)
        self._attempts.succeeded(source, station_id)
        outcome = self._choose(station_id, offered, is_known=is_right)
        if is_right and isinstance(outcome, Admitted):
            self._credentials.came(station_id, proof.security_profile)
        return outcome

    def _is_right(self, station_id: str, authorization: str | None, proof: Proof) -> bool:
        """The security profiles, of which none gives way to a lower one (2.0.1 A05, attack 11).

        A certificate of another name, or one that was revoked, is worse than none: no password makes up for it.
        """
        policy = self._credentials.policy_of(station_id)
        is_password = self._credentials.check(station_id, authorization)
        if proof.common_name is not None:
            name = policy.certificate_name or station_id
            is_own = hmac.compare_digest(proof.common_name.encode(), name.encode())
            is_good = bool(proof.serial_number) and proof.serial_number not in self._revoked
            return is_own and is_good and self._credentials.is_known(station_id)
        if policy.security_profile == 3 or (policy.security_profile == 2 and not proof.is_tls):
            if is_password:  # it is the station: somebody has to look at its settings, or at the proxy's
                profile = policy.security_profile
                self._log.warning("security_profile_refused", station_id=station_id, security_profile=profile)
            return False
        return is_password

    def _refuse(self, source: str, station_id: str) -> Turned:
        self._metrics.refusals["credential"] += 1
        if self._attempts.failed(source, station_id, self._monotonic_s()):
            # One line for each lock: 10,000 attempts shall not fill the disk.
            self._log.warning("station_locked_out", source=source, station_id=station_id)
        headers = (("WWW-Authenticate", 'Basic realm="ohmstead", charset="UTF-8"'),)
        return Turned(status=401, text="The charging station's id or password is wrong.\n", headers=headers)

    def _choose(self, station_id: str, offered: Iterable[str], *, is_known: bool) -> Admitted | Turned:
        names = [part.strip() for value in offered for part in value.split(",")]
        for name in names:
            version = SUBPROTOCOLS.get(name.lower())
            if version is not None:  # the first that we know: the client names its favourite first
                return Admitted(station_id=station_id, version=version, subprotocol=name, is_known=is_known)
        default = self._default_versions.get(station_id)
        if default is not None:  # field quirk 6
            odd = next((name for name in names if _TOKEN.fullmatch(name)), None)
            return Admitted(station_id=station_id, version=default, subprotocol=odd, is_known=is_known)
        self._metrics.refusals["subprotocol"] += 1
        self._log.warning("subprotocol_refused", station_id=station_id, offered=list(offered)[:4])
        known = ", ".join(SUBPROTOCOLS)
        return Turned(status=400, text=f"Sec-WebSocket-Protocol must name one of: {known}.\n")


def read_station_id(path: str) -> str | None:
    """The last part of the path, percent-decoded; one slash behind it and a prefix before it (/ocpp/ID) do no harm."""
    last = path.partition("?")[0].removesuffix("/").rpartition("/")[2]
    try:
        station_id = unquote(last, errors="strict")
    except UnicodeDecodeError:
        return None
    if not 0 < len(station_id) <= MAX_STATION_ID_LENGTH or not station_id.isprintable() or "/" in station_id:
        return None
    return station_id
