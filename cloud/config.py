"""The hub's settings: a TOML file, overridden by environment variables OHMSTEAD_CLOUD_* (OHMSTEAD_CLOUD_MQTT_HOST …).
Paths in `[mqtt]` are relative to the file.

OHMSTEAD_TIMELINE, which every process of a run shares, stands between the two.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from protocols.errors import BadText
from protocols.timeline import REAL_TIME, Timeline

TIMELINE_VARIABLE: Final = "OHMSTEAD_TIMELINE"
Port = Annotated[int, Field(ge=0, le=65535)]


def _known_database(url: str) -> str:
    try:
        driver = make_url(url).drivername
    except ArgumentError as error:
        raise ValueError("not a database URL") from error
    if driver not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        raise ValueError(f"{driver}: expected sqlite+aiosqlite:///PATH or postgresql+asyncpg://USER@HOST/NAME")
    return url


class BrokerSettings(BaseModel):
    """One of several brokers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Name or address of the MQTT broker.")
    port: Port = Field(1883, description="Its port.")
    username: str | None = Field(None, description="The hub's account at the broker.")
    password: SecretStr | None = Field(None, description="Its password.")
    password_file: Path | None = Field(
        None, description="File with the password, in place of it; read at every connect."
    )
    tls: bool = Field(False, description="Encrypt, and check the broker's certificate; 8883 is the usual port then.")
    ca_file: Path | None = Field(None, description="Certificates to trust instead of the system's.")
    certificate_file: Path | None = Field(None, description="Client certificate.")
    key_file: Path | None = Field(
        None, description="The client certificate's key, without a passphrase; in the same file without it."
    )
    server_name: str | None = Field(
        None, min_length=1, description="The name in the broker's certificate, where it is not the host."
    )

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        files = ("ca_file", "certificate_file", "key_file", "server_name")
        if not self.tls and (given := [name for name in files if getattr(self, name) is not None]):
            raise ValueError(f"{given[0]} is for TLS only: set tls = true")
        if self.key_file is not None and self.certificate_file is None:
            raise ValueError("key_file needs a certificate_file")
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file exclude each other")
        return self

    def beside(self, folder: Path) -> Self:
        """The same with paths relative to a folder."""
        names = ("password_file", "ca_file", "certificate_file", "key_file")
        return self.model_copy(update={name: folder / at for name in names if (at := getattr(self, name)) is not None})


class MqttSettings(BrokerSettings):
    """The broker, or several: the hub is at all of them, each edge at one."""

    brokers: tuple[BrokerSettings, ...] = Field(
        (), max_length=8, description="All brokers, each with what stands above, in place of it."
    )
    client_id: str = Field("ohmstead-hub", description="The name of the hub's session; one hub, one name.")

    @model_validator(mode="after")
    def _is_one_or_several(self) -> Self:
        if self.brokers and (given := self.model_fields_set & set(BrokerSettings.model_fields)):
            raise ValueError(f"{min(given)} belongs into each of the brokers where there are several")
        if len({(each.host, each.port) for each in self.brokers}) < len(self.brokers):
            raise ValueError("a broker stands here twice")
        return self

    def beside(self, folder: Path) -> Self:
        own = super().beside(folder)
        return own.model_copy(update={"brokers": tuple(each.beside(folder) for each in self.brokers)})

    @property
    def endpoints(self) -> tuple[BrokerSettings, ...]:
        return self.brokers or (self,)


class HttpSettings(BaseModel):
    """REST and WebSocket."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Port = Field(8000, description="Port to listen on; 0 takes a free one, which is printed.")


class Settings(BaseSettings):
    """All settings of the hub; `load` reads them."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="OHMSTEAD_CLOUD_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
    )

    data_dir: Path = Field(Path(".run/cloud"), description="Folder of the embedded database.")
    database_url: Annotated[str, AfterValidator(_known_database)] | None = Field(
        None, description="Database; without it, embedded SQLite in `data_dir`."
    )
    mqtt: MqttSettings = Field(MqttSettings(), description="The broker.")
    http: HttpSettings = Field(HttpSettings(), description="REST and WebSocket.")
    timeline: Annotated[Timeline, NoDecode] = Field(
        REAL_TIME, description="Site time, ORIGIN@ANCHORxSPEED; real time without it."
    )
    feed_keep: int = Field(1_000_000, ge=1_000, description="How many of the newest stream events can be replayed.")
    telemetry_days: int = Field(
        60, ge=1, le=36_500, description="Days for which readings are kept; what they come to stays."
    )
    quarters_days: int = Field(
        400, ge=1, le=36_500, description="Days for which quarters of an hour are kept; hours and days stay."
    )

    @property
    def store_url(self) -> str:
        """The database in use."""
        return self.database_url or f"sqlite+aiosqlite:///{(self.data_dir / 'hub.db').absolute()}"

    @field_validator("timeline", mode="before")
    @classmethod
    def _read_timeline(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return Timeline.parse(value)
        except BadText as error:
            raise ValueError(str(error)) from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        shared = {"timeline": os.environ[TIMELINE_VARIABLE]} if os.environ.get(TIMELINE_VARIABLE) else {}
        return env_settings, InitSettingsSource(settings_cls, shared), init_settings


def load(path: Path | None) -> Settings:
    """Read the file, where one is given, and the environment. Raises BadText listing every problem."""
    document: dict[str, Any] = {}
    if path is not None:
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadText(f"{path}: {error}") from error
    try:
        settings = Settings(**document)
    except SettingsError as error:
        raise BadText(f"environment OHMSTEAD_CLOUD_*: {error}") from error
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        lines = [f"  {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in problems]
        where = f"{path} and environment" if path is not None else "environment OHMSTEAD_CLOUD_*"
        raise BadText("\n".join([f"{len(lines)} problem(s) in the settings ({where}):", *lines])) from error
    if path is None:
        return settings
    return settings.model_copy(update={"mqtt": settings.mqtt.beside(path.parent.absolute())})


def described() -> list[tuple[str, FieldInfo]]:
    """Every setting by its dotted name, for the docs."""
    found: list[tuple[str, FieldInfo]] = []
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            inner = type(field.default).model_fields
            found += [(f"{name}.{part}", inner[part]) for part in inner]
        else:
            found.append((name, field))
    return found
