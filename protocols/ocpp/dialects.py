"""The way from a negotiated version to its dialect."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from protocols.ocpp.v16.messages import DIALECT as DIALECT_16
from protocols.ocpp.v21.messages import DIALECT as DIALECT_21
from protocols.ocpp.v201.messages import DIALECT as DIALECT_201
from protocols.ocpp.version import Version

DIALECTS: Final = MappingProxyType({Version.V16: DIALECT_16, Version.V201: DIALECT_201, Version.V21: DIALECT_21})
