"""The agent's settings: one TOML file, checked as a whole, every problem named with its line.

Settings may be overridden by environment variables such as OHMSTEAD_EDGE_OCPP__PORT=9100. docs/settings.md lists them
all and is checked against these classes. Settings stop at main: nobody else reads them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    IPvAnyNetwork,
    ValidationError,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from edge.account_config import AccountSettings
from edge.bill_config import BillSettings
from edge.certificate_config import CertificateSettings, Iso15118Settings
from edge.config_contradictions import contradictions
from edge.config_fields import EvseSettings, Name, Port, StationId, Strict
from edge.disk_config import DiskSettings
from edge.modbus_config import ModbusSettings
from edge.payment_config import PaymentSettings
from edge.receipt_config import ReceiptSettings
from edge.standby_config import StandbySettings
from edge.tariff_config import Sheet, TariffRuleSettings, TariffSettings
from edge.toml_lines import key_lines, line_of
from edge.uplink_config import UplinkSettings
from protocols.errors import BadText
from protocols.ocpp.version import Version
from protocols.timeline import Timeline

TIMELINE_VARIABLE = "OHMSTEAD_TIMELINE"
"""Shared by all processes of one run, so that they agree on the time."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a configuration file; `line` None where it concerns the whole file."""

    path: Path
    line: int | None
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"


class BadConfig(BadText):
    """The configuration cannot be used; `problems` names everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def _a_timeline(text: str) -> str:
    try:
        Timeline.parse(text)
    except BadText as error:
        raise ValueError(str(error)) from error
    return text


class LocationSettings(Strict):
    """The site, in OCPI's words."""

    id: Name = Field(description="the Location's id, at most 36 characters in OCPI")
    name: Name = Field(description="shown on the wall display and on bills")
    time_zone: str = Field(description="IANA name, such as Europe/Berlin")
    country_code: str = Field(default="XX", pattern=r"^[A-Z]{2}$", description="ISO 3166 alpha-2")
    party_id: str = Field(default="OHM", pattern=r"^[A-Z0-9]{3}$", description="the operator's OCPI party id")
    address: str = Field(default="", max_length=200, description="street and number")
    city: str = Field(default="", max_length=100, description="city")
    country: str = Field(default="", max_length=3, description="ISO 3166 alpha-3")


class OcppSettings(Strict):
    """The port for chargers."""

    host: str = Field(default="0.0.0.0", description="address to listen on")
    port: Port = Field(default=9000, description="port to listen on; 0 takes a free one and logs it")
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description="addresses or networks of proxies whose X-Forwarded-For is believed"
    )
    proxy_tls: bool = Field(
        default=False,
        description="they are believed about TLS and about stations' certificates too: only for proxies that set these"
        " headers themselves whatever a client sends, as deploy/nginx does",
    )
    allow_unknown: bool = Field(
        default=False,
        description="let stations in that are not configured: for commissioning only, said on all screens",
    )
    unknown_boot: Literal["accept", "pending", "reject"] = Field(
        default="accept",
        description="what unconfigured stations are told when they boot; pending and rejected ones start no transaction"
        " before `ohmstead-edge accept`",
    )
    heartbeat_interval_s: int = Field(default=300, ge=1, le=86400, description="site time between heartbeats")
    running_cost_every_s: int = Field(
        default=0,
        ge=0,
        le=3600,
        description="tell stations that can show it so often what a transaction costs so far, those of OCPP 1.6 also"
        " the price before and the bill after; 0: not at all",
    )
    ping_interval_s: float = Field(default=60, gt=0, le=3600, description="WebSocket ping when a station is silent")
    ping_timeout_s: float = Field(
        default=30, gt=0, le=600, description="a station that answers pings must do so in time"
    )
    silence_limit_s: float = Field(
        default=900, gt=0, description="give up a station that is silent and answers no ping"
    )


class LocalSettings(Strict):
    """The WebSocket for the screens, the staff and the command line of this machine; always on loopback."""

    host: str = Field(default="127.0.0.1", description="a loopback address")
    port: Port = Field(default=9001, description="port to listen on; 0 takes a free one and logs it")


class PeerSettings(Strict):
    """Another agent of a node: both serve the same stations, whichever the proxy before them chooses."""

    edge_id: Name = Field(description="the other agent's edge_id")
    url: str = Field(pattern=r"^ws://[^/]+/$", description="its local WebSocket, such as ws://127.0.0.1:9011/")
    token_file: Path = Field(description="`local.token` in its data folder; both agents run as one user")


class StationSettings(Strict):
    """A charging station that may connect."""

    id: StationId = Field(description="the charging station's id, the last part of its URL")
    password_hash: str | None = Field(
        default=None,
        pattern=r"^blake2b\$[0-9a-f]{32}\$[0-9a-f]{64}$",
        description="made by `ohmstead-edge password`; needed unless security_profile is 3",
    )
    security_profile: Literal[1, 2, 3] = Field(
        default=1,
        description="how it has to come: 1 with its password, 2 with its password over TLS, 3 with a certificate of"
        " the site CA; 2 and 3 need a proxy (deploy/nginx) and [ocpp] proxy_tls",
    )
    certificate_name: Name | None = Field(
        default=None, description="the common name of its certificate, such as its serial number; its id without it"
    )
    secc_ids: frozenset[Name] = Field(
        default=frozenset(),
        description="what vehicles know it by (ISO 15118), for certificates that it shows to them; its"
        " certificate_name is one of them",
    )
    allowed_groups: frozenset[str] = Field(
        default=frozenset(), description="token groups that may charge; none for all"
    )
    default_version: Version | None = Field(
        default=None, description="the OCPP version it speaks though its handshake names none, or one that is unknown"
    )
    pings: bool | None = Field(
        default=None, description="send it WebSocket pings when it is silent; as its model likes it where not set"
    )
    boot: Literal["accept", "pending", "reject"] = Field(
        default="accept",
        description="what it is told when it boots: pending until `ohmstead-edge accept`, rejected for as long as this"
        " stands",
    )
    local_list: bool | None = Field(default=None, description="keep its local list, whatever [local_lists] says")
    shows_costs: bool | None = Field(
        default=None,
        description="whether an OCPP 1.6 station shows drivers prices and costs (the OCA's note on California pricing),"
        " as far as running costs are told; as its key CustomDisplayCostAndPrice says where not set",
    )
    evses: tuple[EvseSettings, ...] = Field(min_length=1, max_length=64, description="its EVSEs")


class TransactionSettings(Strict):
    """How transactions are kept."""

    checkpoint_s: int = Field(default=60, ge=1, le=3600, description="site time between checkpoints of a transaction")
    abandon_after_h: int = Field(default=168, ge=1, description="bill what is known when nothing was heard for so long")
    silent_after_s: int = Field(default=300, ge=10, description="meter values older than this are shown as old")


class MeasurandSettings(Strict):
    """When a reading of a measurand is worth keeping. What is not set stays as it is."""

    deadband: int | None = Field(default=None, ge=1, description="a smaller change is no news; W, mA, mV, percent, Wh")
    percent: int | None = Field(
        default=None, ge=0, le=100, description="nor is a change smaller than this part of the value kept last"
    )
    min_s: int | None = Field(default=None, ge=0, le=86_400, description="kept at most so often")
    max_s: int | None = Field(default=None, ge=1, le=86_400, description="kept at least so often, changed or not")


class TelemetrySettings(Strict):
    """Which meter values are kept and sent to the hub; bills and screens do not depend on it."""

    enabled: bool = Field(
        default=True,
        description="keep meter values; where nothing is set: power and power offered 100 W, 2 %; current 500 mA, 2 %;"
        " voltage 2000 mV, 1 %; state of charge 1 percent; all these every 10 to 300 s; energy register 100 Wh, every"
        " 300 to 900 s",
    )
    power: MeasurandSettings = Field(default=MeasurandSettings(), description="power drawn")
    power_offered: MeasurandSettings = Field(default=MeasurandSettings(), description="power drawn")
    current: MeasurandSettings = Field(default=MeasurandSettings(), description="per phase")
    voltage: MeasurandSettings = Field(default=MeasurandSettings(), description="per phase")
    state_of_charge: MeasurandSettings = Field(default=MeasurandSettings(), description="of the vehicle")
    energy_register: MeasurandSettings = Field(default=MeasurandSettings(), description="the meter")


class ReservationSettings(Strict):
    """Reservations of EVSEs; what they cost stands in the tariffs."""

    max_hours: int = Field(default=24, ge=1, le=24 * 31, description="an EVSE is reserved for so long at most")


class LocalListSettings(Strict):
    """The lists of tokens that stations charge by while they cannot reach the site. A list that is kept replaces what
    the station had; one that nobody keeps is the operator's own matter."""

    enabled: bool = Field(default=False, description="keep the local lists of all stations equal to the tokens")
    max_tokens: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="tokens on a list, where the station does not tell how many it takes",
    )
    tokens_per_message: int = Field(
        default=100, ge=1, le=1000, description="tokens in a message, where the station does not tell"
    )
    stations_at_once: int = Field(
        default=50, ge=1, le=500, description="stations that are sent a list at the same time, at most so many in 10 s"
    )
    clear_caches: bool = Field(
        default=False, description="clear the authorization caches of stations when a token may not charge any more"
    )


class LedgerSettings(Strict):
    """How long things are kept, in site time. Bills and postings are kept for ever."""

    keep_journal_days: int = Field(
        default=60, ge=1, le=36_500, description="journal entries older than this go, once the hub has them"
    )
    keep_transactions_days: int = Field(
        default=400,
        ge=30,
        le=36_500,
        description="an ended transaction is known so long to a station that repeats its messages",
    )
    backup_dir: Path | None = Field(
        default=None,
        description="where copies of `ohmstead-edge backup` lie, seen from the data folder: a damaged ledger is"
        " restored from the newest",
    )


class FrameLogSettings(Strict):
    """Every OCPP frame, secrets masked, for `ohmstead-edge frames`."""

    enabled: bool = Field(default=True, description="keep the frames that chargers and the site exchange")
    max_mb: int = Field(
        default=256, ge=4, le=1_000_000, description="megabytes on the disk; the oldest frames go first"
    )
    keep_days: int = Field(default=14, ge=1, le=3_650, description="no frame is kept longer, in site time")
    max_frames_per_s: int = Field(
        default=2_000,
        ge=1,
        le=1_000_000,
        description="what comes beyond it is left out and counted",
    )
    stations: frozenset[StationId] = Field(default=frozenset(), description="only these stations; none for all")


class FilesSettings(Strict):
    """The file server for stations: firmware out, logs in. Without this table there is none."""

    public_url: str = Field(
        pattern=r"^https?://[^/?#\s]+[^?#\s]*$",
        max_length=200,
        description="how stations reach it, such as http://10.0.0.5:9002, or https://… through a proxy",
    )
    host: str = Field(default="0.0.0.0", description="address to listen on")
    port: Port = Field(default=9002, description="port to listen on; 0 takes a free one and logs it")
    max_upload_mb: int = Field(default=200, ge=1, le=10_000, description="largest log that a station may bring")
    max_kept_mb: int = Field(default=5_000, ge=1, le=10_000_000, description="all logs together; then none is taken")
    keep_days: int = Field(default=30, ge=1, le=3_650, description="logs are kept so long, in site time")
    good_for_h: int = Field(default=96, ge=1, le=2_160, description="a station may use its address so long")
    firmware_roots: tuple[Path, ...] = Field(
        default=(), description="root certificates of manufacturers, PEM, by which signed firmware is verified"
    )


class JobSettings(Strict):
    """What is done at many stations: firmware, logs, templates."""

    at_once: int = Field(default=5, ge=1, le=1000, description="stations of a job that are at it at the same time")
    step_timeout_min: int = Field(
        default=60, ge=1, le=10_080, description="a station that tells nothing for so long has failed"
    )
    give_up_after_h: int = Field(
        default=72, ge=1, le=2_160, description="stations that were not connected in all this time have failed"
    )


class DeviceModelSettings(Strict):
    """What stations tell of their variables."""

    ask_after_boot: bool = Field(
        default=True, description="ask for all variables when a station is new, or has another firmware"
    )
    settle_s: int = Field(default=600, ge=0, le=86_400, description="not before a station has been up so long")
    every_s: float = Field(default=5, ge=0.1, le=3_600, description="one station after the other, so far apart")


class LogSettings(Strict):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="least severe level")
    format: Literal["text", "json"] = Field(default="text", description="key=value text, or JSON lines")


class EdgeConfig(BaseSettings):
    """The whole file."""

    model_config = SettingsConfigDict(
        env_prefix="OHMSTEAD_EDGE_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    edge_id: str = Field(description="this agent's identity at the hub; never give two agents the same")
    domain: int = Field(default=0, ge=0, le=255, description="0-128 the operator's own domains, 129-255 third parties'")
    data_dir: Path = Field(description="where the ledger and the local token are kept")
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code of all prices")
    default_tariff: Name = Field(description="the tariff of EVSEs that name none")
    timeline: Annotated[str, AfterValidator(_a_timeline)] | None = Field(
        default=None, description="play site time faster than it passes (demo and tests): ORIGIN@ANCHORxSPEED"
    )
    location: LocationSettings = Field(description="the site")
    ocpp: OcppSettings = Field(default_factory=OcppSettings, description="the port for chargers")
    local: LocalSettings = Field(default_factory=LocalSettings, description="the socket for screens and staff")
    uplink: UplinkSettings | None = Field(default=None, description="the way to the hub")
    peers: tuple[PeerSettings, ...] = Field(default=(), max_length=63, description="the other agents of a node")
    transactions: TransactionSettings = Field(default_factory=TransactionSettings, description="transactions")
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings, description="meter values")
    reservations: ReservationSettings = Field(default_factory=ReservationSettings, description="reservations")
    local_lists: LocalListSettings = Field(default_factory=LocalListSettings, description="tokens kept by stations")
    bills: BillSettings = Field(default_factory=BillSettings, description="decisions upon bills")
    accounts: AccountSettings = Field(default_factory=AccountSettings, description="wallets and debts")
    ledger: LedgerSettings = Field(default_factory=LedgerSettings, description="retention")
    standby: StandbySettings | None = Field(default=None, description="a second box that takes over")
    disk: DiskSettings = Field(default_factory=DiskSettings, description="what gives way when the disk fills")
    frame_log: FrameLogSettings = Field(default_factory=FrameLogSettings, description="the log of OCPP frames")
    certificates: CertificateSettings = Field(default_factory=CertificateSettings, description="the site CA")
    iso15118: Iso15118Settings = Field(default_factory=Iso15118Settings, description="certificates of vehicles")
    files: FilesSettings | None = Field(default=None, description="the file server for stations")
    jobs: JobSettings = Field(default_factory=JobSettings, description="jobs over many stations")
    device_model: DeviceModelSettings = Field(default_factory=DeviceModelSettings, description="stations' variables")
    receipts: ReceiptSettings = Field(default_factory=ReceiptSettings, description="receipts and statements")
    log: LogSettings = Field(default_factory=LogSettings, description="logging")
    payments: PaymentSettings = Field(default_factory=PaymentSettings, description="cards, QR payments and bounds")
    stations: tuple[StationSettings, ...] = Field(default=(), description="the charging stations")
    modbus: tuple[ModbusSettings, ...] = Field(default=(), description="the chargers that are polled over Modbus")
    tariffs: tuple[TariffSettings, ...] = Field(default=(), description="the tariffs")
    time_of_use: tuple[Sheet, ...] = Field(default=(), description="time-of-use sheets (尖峰平谷): see docs/pricing.md")
    tariff_rules: tuple[TariffRuleSettings, ...] = Field(default=(), description="whom which tariff is for")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return env_settings, init_settings


def load(path: Path) -> EdgeConfig:
    """Read and check a configuration file; relative paths in it are relative to it. Raises BadConfig."""
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text, parse_float=Decimal)
    except OSError as error:
        raise BadConfig([Problem(path, None, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise BadConfig([Problem(path, None, "is not UTF-8 text")]) from error
    except tomllib.TOMLDecodeError as error:
        raise BadConfig([Problem(path, getattr(error, "lineno", None), f"is not TOML: {error}")]) from error
    if shared := os.environ.get(TIMELINE_VARIABLE):
        raw["timeline"] = shared
    lines = key_lines(text)
    found: list[tuple[tuple[str | int, ...], str]] = []
    config = None
    try:
        config = EdgeConfig(**raw)
    except ValidationError as error:
        # A list whose items are wrong is also reported as too short: said once, at the item.
        named = [e for e in error.errors(include_url=False) if not (e["type"] == "too_short" and e["input"])]
        found += [(tuple(e["loc"]), _reason(e["msg"])) for e in named]
    found += contradictions(raw)
    if config is None or found:
        problems = [Problem(path, line_of(lines, at), f"{_dotted(at)}: {what}" if at else what) for at, what in found]
        raise BadConfig(sorted(set(problems), key=lambda p: (p.line or 0, p.text)))
    uplink = config.uplink and config.uplink.beside(path.parent)
    standby = config.standby and config.standby.beside(path.parent)
    places = {"data_dir": path.parent / config.data_dir, "uplink": uplink, "standby": standby}
    return config.model_copy(update=places)


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")


def _dotted(location: tuple[str | int, ...]) -> str:
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
