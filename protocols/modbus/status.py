"""What a charger's registers say of an EVSE, in OCPP's words: profiles write IEC 61851's letters for them, or the words
themselves."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from protocols.modbus.codec import Value
from protocols.modbus.profile import Faults, Profile
from protocols.terms import ChargingState, ConnectorStatus


class EvseStatus(NamedTuple):
    """`charging_state` None where no vehicle is there, or nothing is known of it."""

    status: ConnectorStatus
    charging_state: ChargingState | None = None


_CONNECTED: Final = EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED)
_CHARGING: Final = EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.CHARGING)
_SUSPENDED_EV: Final = EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
_SUSPENDED_EVSE: Final = EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EVSE)

STATUS_WORDS: Final[Mapping[str, EvseStatus]] = MappingProxyType(
    {
        "A": EvseStatus(ConnectorStatus.AVAILABLE),
        "B": _CONNECTED,
        "B1": _CONNECTED,
        "B2": _SUSPENDED_EV,
        "C": _CHARGING,
        "C1": _SUSPENDED_EVSE,
        "C2": _CHARGING,
        "D": _CHARGING,
        "D1": _SUSPENDED_EVSE,
        "D2": _CHARGING,
        "E": EvseStatus(ConnectorStatus.FAULTED),
        "F": EvseStatus(ConnectorStatus.FAULTED),
        "Available": EvseStatus(ConnectorStatus.AVAILABLE),
        "Occupied": EvseStatus(ConnectorStatus.OCCUPIED),
        "Reserved": EvseStatus(ConnectorStatus.RESERVED),
        "Unavailable": EvseStatus(ConnectorStatus.UNAVAILABLE),
        "Faulted": EvseStatus(ConnectorStatus.FAULTED),
        "EVConnected": _CONNECTED,
        "Charging": _CHARGING,
        "SuspendedEV": _SUSPENDED_EV,
        "SuspendedEVSE": _SUSPENDED_EVSE,
        "Idle": EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.IDLE),
    }
)
"""IEC 61851-1 Annex A: A no vehicle, B connected, C and D charging, E and F fault; 1 without, 2 with the EVSE's offer
(B2: the vehicle does not take it, C1: it asks and the EVSE does not offer)."""


def read_status(profile: Profile, values: Mapping[str, Value | None]) -> EvseStatus | None:
    """What the first register says that says anything; None where all are missing or show what nobody has named."""
    for block in profile.status:
        value = values.get(block.register)
        if isinstance(value, int | str) and (word := block.codes.get(str(value))) is not None:
            return STATUS_WORDS[word]
    return None


def read_fault(faults: Faults | None, values: Mapping[str, Value | None]) -> str | None:
    """The fault in words, or its number; None where there is none, or it cannot be told."""
    if faults is None:
        return None
    value = values.get(faults.register)
    if not isinstance(value, int) or value in faults.none:
        return None
    return faults.codes.get(str(value), str(value))


def read_card(profile: Profile, values: Mapping[str, Value | None]) -> str | None:
    """The uid of the card at the reader, hexadecimal where the register holds bytes; None where there is none."""
    if profile.card is None:
        return None
    value = values.get(profile.card.register)
    if isinstance(value, bytes):
        value = value.hex().upper() if any(value) else None
    return value if isinstance(value, str) and value and value not in profile.card.none else None
