"""The OCPP versions of this house, their WebSocket subprotocols and the words in which they differ about errors."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Version(StrEnum):
    """An OCPP version, as the standard writes it."""

    V16 = "1.6"
    V201 = "2.0.1"
    V21 = "2.1"


SUBPROTOCOLS: Final = MappingProxyType({"ocpp1.6": Version.V16, "ocpp2.0.1": Version.V201, "ocpp2.1": Version.V21})
"""Sec-WebSocket-Protocol (OCPP-J 1.6 §3.1.2, 2.0.1 and 2.1 Part 4 §3.1.2), in the order in which a peer is told of
them."""


class ErrorCode(StrEnum):
    """CALLERROR codes in OCPP 2.0.1's words (Part 4 §4.3); `wire_code` gives those of the version in use."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


_CODES_16: Final = MappingProxyType(
    {
        ErrorCode.FORMAT_VIOLATION: "FormationViolation",
        ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "ProtocolError",
        ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",  # sic: the standard has one r
        ErrorCode.RPC_FRAMEWORK_ERROR: "FormationViolation",
    }
)


def wire_code(code: ErrorCode, version: Version) -> str:
    """The code as `version` writes it (OCPP-J 1.6 §4.2.3 knows fewer and spells one of them in its own way)."""
    if version is Version.V16:
        return _CODES_16.get(code, code.value)
    return code.value
