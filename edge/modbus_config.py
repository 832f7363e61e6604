"""The settings of chargers without OCPP, and of the site's meters: where each answers, and which model it is."""

from __future__ import annotations

from typing import Final, Literal, Self, get_args

from pydantic import Field, ValidationInfo, field_validator, model_validator

from edge.config_fields import EvseSettings, Name, StationId, Strict
from protocols.errors import BadText
from protocols.modbus.bus_address import parse_address
from protocols.modbus.catalogue import parsed
from protocols.modbus.profile import DeviceKind, Transport

_TRANSPORTS: Final = {"tcp": Transport.TCP, "rtu+tcp": Transport.RTU_OVER_TCP, "rtu": Transport.RTU}

Role = Literal["feeder", "evse", "pv", "battery", "load"]


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
    """A charger that is read and told over Modbus, whose transactions the site runs; or a meter or an inverter."""

    id: StationId = Field(
        description="the charging station's or meter's id, as bills and screens name it; "
        "with [[peers]] it belongs to this agent: name it in no other one's settings"
    )
    address: str = Field(
        description="tcp://HOST[:PORT], rtu+tcp://HOST:PORT or rtu:///dev/ttyX?baud=19200&parity=E&stop=1",
    )
    profile: Name = Field(description="its model: see `ohmstead-edge profile list`; `ohmstead-edge probe` finds it")
    variant: str | None = Field(default=None, description="the profile's variant, where the device does not show it")
    unit: int | None = Field(default=None, ge=0, le=255, description="its unit id, where it is not the profile's")
    poll_s: float = Field(default=1.0, ge=0.1, le=60, description="seconds from one reading to the next")
    slow_poll_s: float = Field(
        default=30.0, ge=0.1, le=3600, description="the same of what changes slowly, such as energy at many meters"
    )
    lost_after_s: float = Field(default=10.0, ge=1, le=600, description="not connected when silent for so long")
    end_after_min: int = Field(
        default=30, ge=1, le=1440, description="a transaction is billed as far as it was read when silent for so long"
    )
    allowed_groups: frozenset[str] = Field(
        default=frozenset(), description="token groups that may charge; none for all"
    )
    evses: tuple[ModbusEvseSettings, ...] = Field(default=(), max_length=64, description="a charger's EVSEs")
    role: Role | None = Field(
        default=None,
        description="what flows through a meter: feeder (the site's grid connection), evse, pv, battery or load",
    )
    behind_station: StationId | None = Field(
        default=None, description="role evse: the station whose EVSE's energy, and no other, flows through the meter"
    )
    behind_evse: int | None = Field(default=None, ge=1, le=64, description="role evse: the EVSE's number there")
    reversed: bool = Field(
        default=False,
        description="a meter that is wired the other way; the feeder imports from the grid, all else from the site",
    )
    compare: bool = Field(
        default=True,
        description="hold what chargers tell against this meter (evse, feeder); false at a feeder where a source of "
        "power, such as a PV plant, has no meter here",
    )

    may_sleep: bool | None = Field(
        default=None,
        description="it may be silent for a day if next to nothing flowed at last; by default an inverter may",
    )

    @property
    def sleeps(self) -> bool:
        """Whether its silence may be sleep: an inverter is off while the sun is down."""
        is_inverter = parsed(self.profile).profile.kind is DeviceKind.INVERTER
        return is_inverter if self.may_sleep is None else self.may_sleep

    @property
    def is_charger(self) -> bool:
        return parsed(self.profile).profile.kind is DeviceKind.CHARGER

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, address: str) -> str:
        try:
            parse_address(address)
        except BadText as error:
            raise ValueError(str(error)) from None
        return address

    @field_validator("profile")
    @classmethod
    def _is_known(cls, profile: str) -> str:
        try:
            parsed(profile)
        except BadText as error:
            raise ValueError(str(error)) from None
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
    def _says_how_fast(self) -> Self:
        """What the address leaves out is 9600 8N1, and the device of another mind."""
        bus, usual = parse_address(self.address), parsed(self.profile).profile.serial
        if bus.transport is Transport.RTU and usual is not None and "?" not in self.address and bus.manner != usual:
            baud, form = usual.split()
            wanted = f"baud={baud}&bits={form[0]}&parity={form[1]}&stop={form[2]}"
            raise ValueError(
                f"{self.profile} speaks {usual} unless it was set otherwise: say what this one speaks, "
                f"such as {self.address}?{wanted}"
            )
        return self

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        """A charger has EVSEs, a meter has a role."""
        place = (self.behind_station, self.behind_evse)
        if self.is_charger:
            if not self.evses:
                raise ValueError(f"{self.profile} is a charger: name its EVSEs in [[modbus.evses]]")
            if self.may_sleep is not None:
                raise ValueError(f"{self.profile} is a charger: may_sleep is for meters and inverters")
            if self.role is not None or place != (None, None):
                raise ValueError(f"{self.profile} is a charger: role and behind_… are for meters and inverters")
            return self
        kind = parsed(self.profile).profile.kind
        if self.role is None:
            raise ValueError(f"{self.profile} is a {kind}: say its role: {', '.join(get_args(Role))}")
        if self.evses:
            raise ValueError(f'{self.profile} is a {kind} and has no EVSEs: to bind it to one, say role = "evse"')
        if self.role == "evse" and None in place:
            raise ValueError("role evse: name the EVSE in behind_station and behind_evse")
        if self.role != "evse" and place != (None, None):
            raise ValueError(f"behind_station and behind_evse go with role evse, not with {self.role}")
        return self

    @model_validator(mode="after")
    def _has_such_evses(self) -> Self:
        if not self.evses:
            return self
        at_most = parsed(self.profile).profile.evses.at_most
        numbers = [evse.number for evse in self.evses]
        if max(numbers) > at_most:
            raise ValueError(f"{self.profile} has EVSEs 1 to {at_most}, not {max(numbers)}")
        if len(set(numbers)) < len(numbers):
            raise ValueError("two EVSEs here are the same one of the device: see device_evse")
        return self
