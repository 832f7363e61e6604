"""What a quirk file may say about a charger model: how it is known, and what must be answered or asked differently.

What a file does not say is as the standard has it, or is asked of the station itself. `reader.py` reads a file,
`catalogue.of` gives the quirks of a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, with_config

from protocols.ocpp.version import Version

STRICT: Final = ConfigDict(extra="forbid")
Text = Annotated[StrictStr, Field(min_length=1, max_length=1000)]
Id = Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Pattern = Annotated[StrictStr, Field(min_length=1, max_length=60)]
Seconds = Annotated[StrictInt | StrictFloat, Field(ge=0, le=600)]
PowerOfTen = Annotated[StrictInt, Field(ge=-3, le=3)]


class ProfileKind(StrEnum):
    """OCPP 1.6 §7.11 ChargingProfileKindType; Recurring is not a matter of dialect."""

    ABSOLUTE = "Absolute"
    RELATIVE = "Relative"


class RateUnit(StrEnum):
    """OCPP 1.6 §7.14 ChargingRateUnitType."""

    AMPERE = "A"
    WATT = "W"


class ProfilePurpose(StrEnum):
    """OCPP 1.6 §7.12 ChargingProfilePurposeType; 2.0.1 calls the first ChargingStationMaxProfile."""

    STATION_MAX = "ChargePointMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """How a station shows in its BootNotification that it is of this model: patterns with * and ?, in any case."""

    vendor: Pattern
    model: Pattern = "*"
    firmware: Pattern = "*"

    def fits(self, vendor: str, model: str, firmware: str) -> bool:
        """Whether the three, in lower case, go with this sign."""
        given = ((self.vendor, vendor), (self.model, model), (self.firmware, firmware))
        return all(fnmatchcase(text, pattern.lower()) for pattern, text in given)

    @property
    def weight(self) -> int:
        """How much it asks for: of two signs that fit, the heavier one is meant."""
        return sum(character not in "*?" for character in self.vendor + self.model + self.firmware)


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionQuirks:
    """`answers_pings`: False where WebSocket pings are never answered, or harm: then none are sent (field quirk 7).
    `default_version`: what it speaks although its handshake names no subprotocol; the handshake comes before anything
    is known of the model, so `[[stations]] default_version` must say it too (field quirk 6)."""

    answers_pings: StrictBool = True
    default_version: Version | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionQuirks:
    """What a station is asked that nobody told us to ask (field quirk 10): `pause_s` from one question to the next, at
    most `most` in ten minutes. `is_trigger_harmful`: no TriggerMessage at all. No station is asked before it has had
    30 s to say how it is."""

    pause_s: Seconds = 0
    most: Annotated[StrictInt, Field(ge=1, le=1000)] | None = None
    is_trigger_harmful: StrictBool = False


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileDialect:
    """How a charging profile must be written to be accepted (field quirk 11). None and empty: as the standard has it.

    `lowest_limit`: a lower one, in `rate_unit`, is refused or misunderstood: to pause, stop or suspend another way.
    `highest_stack_level` holds although the station itself may tell a higher one. `purposes` are those it takes, the
    best first. `has_start_schedule`: whether an Absolute or Relative profile must carry one.
    """

    kind: ProfileKind | None = None
    rate_unit: RateUnit | None = None
    lowest_limit: Annotated[StrictInt | StrictFloat, Field(ge=0)] | None = None
    highest_stack_level: Annotated[StrictInt, Field(ge=0)] | None = None
    purposes: tuple[ProfilePurpose, ...] = ()
    has_start_schedule: StrictBool | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class MeterQuirks:
    """By which power of ten its energy registers are wrong (field quirk 12): 3 where kWh are labelled Wh, -3 where it
    is the reverse. `samples`: in sampled values; `start_and_stop`: meterStart and meterStop of OCPP 1.6."""

    samples: PowerOfTen = 0
    start_and_stop: PowerOfTen = 0


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionQuirks:
    """`names_meter_values`: False where the transactionId in MeterValues is not to be trusted, and readings belong to
    what runs at their connector (field quirk 3)."""

    names_meter_values: StrictBool = True


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """A charger model. `sources` are public threads or documents; `remarks` what whoever puts it up should know."""

    id: Id
    vendor: Text
    model: Text
    sources: Annotated[tuple[Text, ...], Field(min_length=1)]
    signs: Annotated[tuple[Sign, ...], Field(min_length=1)]
    remarks: StrictStr = ""
    connection: ConnectionQuirks = ConnectionQuirks()
    questions: QuestionQuirks = QuestionQuirks()
    charging_profile: ProfileDialect = ProfileDialect()
    meter: MeterQuirks = MeterQuirks()
    transactions: TransactionQuirks = TransactionQuirks()


BY_THE_BOOK: Final = Quirks(
    id="by_the_book", vendor="any", model="any", sources=("OCPP",), signs=(Sign(vendor="*"),), remarks=""
)
"""For every model that has no file."""
