"""What OCPP 1.6 cannot say is refused before a station is asked, in words that say what it is."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from protocols.errors import BadText
from protocols.ocpp import outcome
from protocols.ocpp.dialect import Payload, Result

MAX_ID_TAG_LENGTH: Final = 20

_MEANINGS: Final = MappingProxyType(
    {
        "notsupported": "the station does not support it",
        "notimplemented": "the station cannot do it",
        "unknown": "the station has no such profile",
        "unknownmessageid": "the station does not know this messageId",
        "unknownvendorid": "the station does not know this vendorId",
        "versionmismatch": "the station has another list than this one builds upon: a full list is needed",
    }
)
"""Refusals whose word, here in lower case, says too little."""


def within(text: str, most: int, what: str) -> str:
    """The text, where it fits into its field. Raises BadText; the text itself is not in it, for it may be a token."""
    if len(text) > most:
        raise BadText(f"{what} has {len(text)} characters; OCPP 1.6 takes {most}")
    return text


def id_tag(token_uid: str, what: str = "the token") -> str:
    """§7.28 IdToken. Raises BadText where the token does not fit."""
    return within(token_uid, MAX_ID_TAG_LENGTH, what)


def only_connector(connector_id: int | None) -> None:
    """An EVSE is a connector of OCPP 1.6. Raises BadText for any but its first connector."""
    if connector_id not in (None, 1):
        raise BadText(f"connector {connector_id} of an EVSE: in OCPP 1.6 every EVSE has one connector, number 1")


def given_number(number: int | None, what: str) -> int:
    """A number that the site gives before a station is asked. Raises BadText where nobody did."""
    if number is None:
        raise BadText(f"{what} is missing")
    return number


def read_status(operation: object, answers: Sequence[Payload]) -> Result:
    """As `outcome.read_status`; what its word does not explain is explained."""
    result = outcome.read_status(operation, answers)
    meaning = None if result.is_accepted else _MEANINGS.get(result.detail.lower())
    return result if meaning is None else Result(is_accepted=False, detail=f"{result.detail}: {meaning}")


def read_empty(_operation: object, _answers: Sequence[Payload]) -> Result:
    """Of an operation whose answer has no status: to answer at all is to accept."""
    return Result(is_accepted=True)
