"""What a charging station can do, declared as values: no subclass per vendor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What the site may ask of a station. `ocpp_version` is the negotiated subprotocol's version, such as "1.6"."""

    ocpp_version: str


OCPP_16 = Abilities(ocpp_version="1.6")
OCPP_201 = Abilities(ocpp_version="2.0.1")
OCPP_21 = Abilities(ocpp_version="2.1")
