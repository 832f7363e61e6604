"""The settings of chargers without OCPP: where each of them answers, and which model it is."""

from __future__ import annotations

from typing import Final, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from edge.config_fields import EvseSettings, Name, StationId, Strict
from protocols.errors import BadText
from protocols.modbus.catalogue import parsed
from protocols.modbus.profile import DeviceKind, Transport

_TRANSPORTS: Final = {"tcp": Transport.TCP, "rtu+tcp": Transport.RTU_OVER_TCP, "rtu": Transport.RTU}


class ModbusEvseSettings(EvseSettings):
    """A bay of such a charger."""

    device_evse: int | None = Field(
        default=None, ge=1, le=64, description="its number in the device, where that is another one"
    )

    @property
    def number(self) -> int:
        """Its number in the device."""
        return self.id if self.device_evse is None else self.device_evse


class ModbusSettings(Strict):
    """A charger that is read and told over Modbus. The site runs its transactions."""

    id: StationId = Field(description="the charging station's id, as bills and screens name it")
    address: str = Field(
        pattern=r"^(tcp://[^/?#\s]+|rtu\+tcp://[^/?#\s]+:\d+|rtu:///[^?#\s]+(\?\S+)?)$",
        description="tcp://HOST[:PORT], rtu+tcp://HOST:PORT or rtu:///dev/ttyX?baud=19200&parity=E&stop=1",
    )
    profile: Name = Field(description="its model: see `ohmstead-edge profile list`; `ohmstead-edge probe` finds it")
    variant: str | None = Field(default=None, description="the profile's variant, where the device does not show it")
    unit: int | None = Field(default=None, ge=0, le=255, description="its unit id, where it is not the profile's")
    poll_s: float = Field(default=1.0, ge=0.1, le=60, description="seconds from one reading to the next")
    lost_after_s: float = Field(default=10.0, ge=1, le=600, description="not connected when silent for so long")
    end_after_min: int = Field(
        default=30, ge=1, le=1440, description="a transaction is billed as far as it was read when silent for so long"
    )
    allowed_groups: frozenset[str] = Field(
        default=frozenset(), description="token groups that may charge; none for all"
    )
    evses: tuple[ModbusEvseSettings, ...] = Field(min_length=1, max_length=64, description="its EVSEs")

    @field_validator("profile")
    @classmethod
    def _of_a_charger(cls, profile: str) -> str:
        try:
            kind = parsed(profile).profile.kind
        except BadText as error:
            raise ValueError(str(error)) from None
        if kind is not DeviceKind.CHARGER:
            raise ValueError(f"{profile} is a {kind}; only chargers stand here")
        return profile

    @field_validator("variant")
    @classmethod
    def _of_the_profile(cls, variant: str | None, info: ValidationInfo) -> str | None:
        if variant is None or "profile" not in info.data:
            return variant
        variants = parsed(info.data["profile"]).variants
        if variant not in variants:
            raise ValueError(f"there is no variant {variant!r}; there are: {', '.join(variants) or 'none'}")
        return variant

    @model_validator(mode="after")
    def _is_reached_so(self) -> Self:
        ways = parsed(self.profile).profile.transports
        scheme = self.address.partition("://")[0]
        if _TRANSPORTS[scheme] not in ways:
            raise ValueError(f"{self.profile} is reached by {', '.join(way.value for way in ways)}, not by {scheme}://")
        return self

    @model_validator(mode="after")
    def _has_such_evses(self) -> Self:
        at_most = parsed(self.profile).profile.evses.at_most
        numbers = [evse.number for evse in self.evses]
        if max(numbers) > at_most:
            raise ValueError(f"{self.profile} has EVSEs 1 to {at_most}, not {max(numbers)}")
        if len(set(numbers)) < len(numbers):
            raise ValueError("two EVSEs here are the same one of the device: see device_evse")
        return self
