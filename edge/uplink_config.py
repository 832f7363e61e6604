"""The settings of the way to the hub: one broker in `[uplink]` itself, or several in `[[uplink.brokers]]`."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from pydantic import Field, model_validator

from edge.config_fields import Name, Port, Strict

MAX_BROKERS: Final = 8


class EndpointSettings(Strict):
    """How a broker is reached, and who this edge is there."""

    port: Port = Field(default=1883, description="the broker's port; 8883 is usual with TLS")
    username: str | None = Field(default=None, description="the broker's account for this edge")
    password_file: Path | None = Field(default=None, description="file with the account's password")
    tls: bool = Field(default=False, description="encrypt, and check the broker's certificate")
    ca_file: Path | None = Field(default=None, description="certificates to trust instead of the system's")
    certificate_file: Path | None = Field(default=None, description="client certificate")
    key_file: Path | None = Field(
        default=None, description="the client certificate's key, without a passphrase; in the same file without it"
    )
    server_name: Name | None = Field(
        default=None, description="the name in the broker's certificate, where it is not the host"
    )

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        files = ("ca_file", "certificate_file", "key_file", "server_name")
        if not self.tls and (given := [name for name in files if getattr(self, name) is not None]):
            raise ValueError(f"{given[0]} is for TLS only: set tls = true")
        if self.key_file is not None and self.certificate_file is None:
            raise ValueError("key_file needs a certificate_file")
        return self

    def beside(self, folder: Path) -> Self:
        """The same with paths relative to a folder."""
        names = ("password_file", "ca_file", "certificate_file", "key_file")
        return self.model_copy(update={name: folder / at for name in names if (at := getattr(self, name)) is not None})


class BrokerSettings(EndpointSettings):
    """One of several brokers."""

    host: Name = Field(description="the broker's name or address")


class UplinkSettings(EndpointSettings):
    """The way between this site and the hub. Without this table the site runs on its own."""

    host: Name | None = Field(default=None, description="the broker's name or address, where there is only one")
    brokers: tuple[BrokerSettings, ...] = Field(
        default=(),
        max_length=MAX_BROKERS,
        description="in place of host and what belongs to it: the primary broker, then those that stand in for it",
    )
    failback_after_s: float = Field(
        default=300,
        ge=0,
        le=86_400,
        description="go back to the primary broker when it has answered for so long, and up to a quarter longer",
    )
    probe_every_s: float = Field(
        default=30, ge=0.1, le=3_600, description="look so often whether the primary broker answers again"
    )
    keepalive_s: int = Field(default=20, ge=2, le=3600, description="MQTT keepalive")
    reconnect_min_s: float = Field(default=1, gt=0, description="first pause before a new attempt, with full jitter")
    reconnect_max_s: float = Field(default=300, gt=0, description="longest pause before a new attempt")
    ack_timeout_s: float = Field(
        default=10, gt=0, description="send again when the hub has acknowledged nothing so long"
    )
    silent_after_s: float = Field(
        default=30,
        gt=0,
        description="without an Ack so long the hub counts as away; where there are several brokers the next is tried",
    )
    lag_alarm_min: int = Field(
        default=15, ge=1, le=10_080, description="an alarm (sync_lag) when the hub is so far behind, away or not"
    )
    bytes_per_hour: int | None = Field(
        default=None,
        ge=50_000,
        description="of a metered line: what may be published in an hour. Money goes first and, while it is new, at"
        " once; then events, then telemetry; live values thin out",
    )
    backlog_percent: int = Field(
        default=50,
        ge=5,
        le=90,
        description="so much of bytes_per_hour at most is for a backlog of events and telemetry",
    )

    @model_validator(mode="after")
    def _is_one_or_several(self) -> Self:
        if self.brokers and (given := self.model_fields_set & {"host", *EndpointSettings.model_fields}):
            raise ValueError(f"{min(given)} belongs into each of the brokers where there are several")
        if not self.brokers and self.host is None:
            raise ValueError("host is missing: name the broker, or several in [[uplink.brokers]]")
        return self

    def beside(self, folder: Path) -> Self:
        own = super().beside(folder)
        return own.model_copy(update={"brokers": tuple(each.beside(folder) for each in self.brokers)})

    @property
    def endpoints(self) -> tuple[BrokerSettings, ...]:
        """All brokers, the primary first."""
        if self.brokers:
            return self.brokers
        return (BrokerSettings(**self.model_dump(include={"host", *EndpointSettings.model_fields})),)
