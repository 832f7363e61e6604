"""OCPP 1.6 §4.1 Authorize, and the idTagInfo that transactions carry too."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from protocols.charger.commands import IdTokenAnswer, Reply
from protocols.charger.events import IdTokenPresented
from protocols.ocpp.dialect import Payload, expect
from protocols.ocpp.reading import read_text, write_stamp
from protocols.terms import AuthorizationStatus

MAX_ID_TAG_LENGTH: Final = 20

_STATUSES: Final = MappingProxyType(
    {
        AuthorizationStatus.ACCEPTED: "Accepted",
        AuthorizationStatus.BLOCKED: "Blocked",
        AuthorizationStatus.EXPIRED: "Expired",
        AuthorizationStatus.CONCURRENT_TX: "ConcurrentTx",
    }
)
"""§7.2; 1.6 has no words for the other refusals: they are Invalid."""


def read_authorize(station_id: str, payload: Any) -> IdTokenPresented:
    """§6.1."""
    return IdTokenPresented(station_id=station_id, token_uid=read_text(payload.idTag) or "")


def render_authorize(reply: Reply) -> Payload:
    """§6.2."""
    return {"idTagInfo": render_id_tag_info(expect(reply, IdTokenAnswer))}


def render_id_tag_info(answer: IdTokenAnswer) -> Payload:
    """§7.27 IdTagInfo. A group id that does not fit into an idTag is left out."""
    info: Payload = {}
    if answer.expires_at is not None:
        info["expiryDate"] = write_stamp(answer.expires_at)
    if answer.group_id is not None and len(answer.group_id) <= MAX_ID_TAG_LENGTH:
        info["parentIdTag"] = answer.group_id
    info["status"] = _STATUSES.get(answer.status, "Invalid")
    return info
