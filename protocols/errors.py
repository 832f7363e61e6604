"""Faults at the borders of the house. A refusal is a value, not one of these.

OhmsteadError
├── BadText            text from a person or a file that does not say what it should
└── WireError          bytes from a peer that cannot be understood
    ├── BadFrame       an OCPP frame that is no frame
    ├── BadPayload     an OCPP payload that breaks its schema; carries the OCPP error code
    └── BadEntry       a sync message or journal entry that does not decode
"""

from __future__ import annotations


class OhmsteadError(Exception):
    """Anything that Ohmstead raises on purpose."""


class BadText(OhmsteadError):
    """Text from a person or a file that does not say what it should; the message says what is expected."""


class WireError(OhmsteadError):
    """Bytes from a peer that cannot be understood: their fault, answered and counted, never a crash."""


class BadFrame(WireError):
    """An OCPP-J frame that is not a CALL, CALLRESULT or CALLERROR (OCPP-J 1.6 §4.2). `code` is the CALLERROR code."""

    def __init__(self, code: str, description: str, message_id: str = "-1") -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.message_id = message_id


class BadPayload(WireError):
    """An OCPP payload that breaks its schema. `code` is the CALLERROR code of the version in use."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


class BadEntry(WireError):
    """A sync message or journal entry that does not decode; `reason` goes into the dead letter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
