"""OCPP 2.1 core: what 2.0.1 has too, read and written alike, and checked by 2.1's schemas.

2.1 takes nothing of 2.0.1 away and widens its bounds, so the blocks of 2.0.1 serve both. What is new in 2.1 (tariffs at
the station, vehicles that give energy back, control of distributed resources, swapped batteries, streams of events,
payment terminals) is answered NotSupported.
"""

from __future__ import annotations

from typing import Final

from protocols.charger.abilities import OCPP_21
from protocols.ocpp.dialect import Dialect
from protocols.ocpp.v201.messages import REQUESTS, operations
from protocols.ocpp.v201.raw_calls import RAW
from protocols.ocpp.version import Version

DIALECT: Final = Dialect(
    version=Version.V21, abilities=OCPP_21, requests=REQUESTS, operations=operations(Version.V21), raw=RAW
)
