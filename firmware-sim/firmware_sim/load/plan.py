"""What a fleet is: how many stations of which kind, who they are, what they do and when."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from protocols.errors import BadText

V16: Final = "ocpp1.6"
V201: Final = "ocpp2.0.1"
STATIONS_PER_ADDRESS: Final = 5_000
"""How many share a source address: one address has 28,000 ports towards one server, some of them just closed."""
MAX_STATIONS: Final = 1_000_000

_STATION_ID: Final = re.compile(r"[A-Za-z0-9*_=:+|@.\-]{1,48}")
_OUTAGE_S: Final = 1.0
_SHORTEST_RECONNECT: Final = 0.1
_SHORTEST_END_S: Final = 0.2
_LONGEST_END_S: Final = 10.0
# Multiples of these, modulo 1, are spread evenly and have nothing to do with each other (Weyl sequences).
_CHARGING_STEP: Final = 0.6180339887498949
_VERSION_STEP: Final = 0.7548776662466927
_PHASE_STEP: Final = 0.5698402909980532


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """One charging station; `phase` (0 to 1) is where in its cycles it begins."""

    number: int
    station_id: str
    token: str
    version: str
    is_charging: bool
    phase: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Numbers from 1 to `stations`, and what is made of them."""

    stations: int
    id_format: str = "S{n:05}"
    share_201: float = 0.0
    charging: float = 0.0
    password: str = "fleet-password-{id}"  # noqa: S105  a pattern
    passwords: Mapping[str, str] = field(default_factory=dict)
    """Goes before the pattern where it is not empty."""

    def check(self) -> None:
        """Raises BadText for a format that names no station, or several stations alike."""
        if not 1 <= self.stations <= MAX_STATIONS:
            raise BadText(f"--stations: from 1 to {MAX_STATIONS}, not {self.stations}")
        for name, share in (("--charging", self.charging), ("--mix", self.share_201)):
            if not 0 <= share <= 1:
                raise BadText(f"{name}: a share from 0 to 1, not {share:g}")
        seen: set[str] = set()
        for number in range(1, self.stations + 1):
            try:
                station_id = self.id_format.format(n=number)
            except (KeyError, IndexError, ValueError, AttributeError) as error:
                raise BadText(f"--id-format {self.id_format!r}: {error}; expected something like S{{n:05}}") from error
            if not _STATION_ID.fullmatch(station_id):
                raise BadText(f"--id-format: {station_id!r} is no charging station id (48 letters, digits, *_=:+|@.-)")
            if station_id in seen:
                raise BadText(f"--id-format {self.id_format!r}: {station_id!r} is there twice; it needs {{n}}")
            seen.add(station_id)
            self.password_of(station_id)

    def traits(self, number: int) -> Traits:
        return Traits(
            number=number,
            station_id=self.id_format.format(n=number),
            token=f"04F1{number:010}",
            version=V201 if number * _VERSION_STEP % 1 < self.share_201 else V16,
            is_charging=number * _CHARGING_STEP % 1 < self.charging,
            phase=number * _PHASE_STEP % 1,
        )

    def all(self) -> Iterator[Traits]:
        return (self.traits(number) for number in range(1, self.stations + 1))

    def password_of(self, station_id: str) -> str:
        """Raises BadText where there is none, or one that is not 16 to 40 bytes (security profile 1)."""
        if self.passwords and station_id not in self.passwords:
            raise BadText(f"--password-file: there is no password for {station_id}")
        password = self.passwords.get(station_id) or self.password.replace("{id}", station_id)
        if not 16 <= len(password.encode()) <= 40:
            raise BadText(f"the password of {station_id} has {len(password.encode())} bytes; 16 to 40 are needed")
        return password


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where stations connect; `path` ends where the charging station's id begins."""

    host: str
    port: int
    path: str = "/"

    @property
    def is_loopback(self) -> bool:
        return self.host.startswith("127.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole run. `begins_ns` is on the machine's monotonic clock, which all processes share."""

    identities: Identities
    targets: tuple[Target, ...]
    evses: int = 1
    heartbeat_s: float = 15.0
    meter_interval_s: float = 60.0
    session_s: float = 900.0
    ramp_s: float = 10.0
    duration_s: float = 60.0
    storm_s: float | None = None
    queued: int = 0
    timeout_s: float = 30.0
    reconnect_s: float = 10.0
    drain_s: float = 60.0
    processes: int = 1
    transactions: str | None = None
    timeline: str | None = None
    run_id: int = 0
    begins_ns: int = 0

    def phases(self) -> dict[str, int]:
        """When each begins, in order. `storm` begins with the loss of all connections."""
        steady_ns = self.begins_ns + int(self.ramp_s * 1e9)
        end_ns = steady_ns + int(self.duration_s * 1e9)
        found = {"ramp": self.begins_ns, "steady": steady_ns, "end": end_ns}
        if self.storm_s is not None:
            found["storm"] = end_ns + int((self.end_s + _OUTAGE_S) * 1e9)
        return found

    @property
    def end_s(self) -> float:
        """Over how long the last sessions end."""
        return min(_LONGEST_END_S, max(_SHORTEST_END_S, self.ramp_s))

    def returns_ns(self, number: int) -> int:
        """When a station comes back in the storm; evenly over it."""
        share = (number - 1) / self.identities.stations
        return self.phases()["storm"] + int((_OUTAGE_S + share * (self.storm_s or 0)) * 1e9)

    def pause_ns(self, phase: float) -> int:
        """From the loss of a connection until a station tries again: evenly from a tenth of `reconnect_s` to all."""
        return int((_SHORTEST_RECONNECT + (1 - _SHORTEST_RECONNECT) * phase) * self.reconnect_s * 1e9)

    def arrives_ns(self, number: int) -> int:
        """When a station comes for the first time."""
        return self.begins_ns + int((number - 1) / self.identities.stations * self.ramp_s * 1e9)

    def target_of(self, number: int) -> int:
        """Which of the targets a station connects to, by its index: in turn, so that all are loaded alike."""
        return agent_of(number, len(self.targets))

    def numbers(self, process: int) -> range:
        """The stations of one process."""
        return range(process + 1, self.identities.stations + 1, self.processes)

    def dump(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def load(cls, dumped: Mapping[str, Any]) -> Plan:
        targets = tuple(Target(**target) for target in dumped["targets"])
        return cls(**{**dumped, "identities": Identities(**dumped["identities"]), "targets": targets})


def agent_of(number: int, agents: int) -> int:
    """Which of so many agents, counted from 0, a station belongs to."""
    return (number - 1) % agents


def parse_mix(text: str) -> float:
    """The share of OCPP 2.0.1 stations in `1.6=0.5,2.0.1=0.5`. Raises BadText."""
    wrong = BadText(f"--mix {text!r}: expected shares that add up to 1, such as 1.6=0.5,2.0.1=0.5")
    shares = {"1.6": 0.0, "2.0.1": 0.0}
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        if name not in shares:
            raise wrong
        try:
            shares[name] = float(share or 1)
        except ValueError:
            raise wrong from None
    if abs(sum(shares.values()) - 1) > 1e-6 or min(shares.values()) < 0:
        raise wrong
    return shares["2.0.1"]
