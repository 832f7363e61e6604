"""OCPP 1.6 §4.1 Authorize, and the idTagInfo that transactions and local lists carry too; §5.4 ClearCache, §5.15
SendLocalList and §5.10 GetLocalListVersion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from protocols.charger.commands import IdTokenAnswer, Reply
from protocols.charger.events import IdTokenPresented
from protocols.charger.operations.availability import ClearCache, GetLocalListVersion, ListedToken, SendLocalList
from protocols.errors import BadText
from protocols.ocpp.dialect import Calls, Payload, Result, expect
from protocols.ocpp.reading import read_int, read_text, write_stamp
from protocols.ocpp.v16.wording import MAX_ID_TAG_LENGTH, id_tag
from protocols.terms import AuthorizationStatus

_STATUSES: Final = MappingProxyType(
    {
        AuthorizationStatus.ACCEPTED: "Accepted",
        AuthorizationStatus.BLOCKED: "Blocked",
        AuthorizationStatus.NO_CREDIT: "Blocked",
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
    """§7.27 IdTagInfo."""
    return _id_tag_info(answer.status, answer.group_id, answer.expires_at)


def render_clear_cache(_clear: ClearCache) -> Calls:
    """§6.13."""
    return [("ClearCache", {})]


def render_send_local_list(send: SendLocalList) -> Calls:
    """§6.41. Raises BadText where a token does not fit, or a full list would take one off."""
    entries = [_entry(number, token, send.update_type) for number, token in enumerate(send.tokens, 1)]
    payload: Payload = {"listVersion": send.version}
    if entries or send.update_type == "Full":
        payload["localAuthorizationList"] = entries
    payload["updateType"] = send.update_type
    return [("SendLocalList", payload)]


def render_get_local_list_version(_get: GetLocalListVersion) -> Calls:
    """§6.27."""
    return [("GetLocalListVersion", {})]


def read_local_list_version(_get: GetLocalListVersion, answers: Sequence[Payload]) -> Result:
    """§6.28."""
    version = read_int(answers[0].get("listVersion"))
    if version is None:
        return Result(is_accepted=False, detail="the station told no listVersion")
    return Result(is_accepted=True, result={"version": version})


def _entry(number: int, token: ListedToken, update_type: str) -> Payload:
    """§7.3 AuthorizationData; without idTagInfo the token is taken off the list."""
    entry: Payload = {"idTag": id_tag(token.token_uid, f"token {number} of the list")}
    if token.status is not None:
        entry["idTagInfo"] = _id_tag_info(token.status, token.group_id, token.expires_at)
    elif update_type == "Full":
        raise BadText(f"token {number} of the list has no status: only a differential list takes tokens off")
    return entry


def _id_tag_info(status: AuthorizationStatus, group_id: str | None, expires_at: datetime | None) -> Payload:
    """§7.27 IdTagInfo. A group id that does not fit into an idTag is left out."""
    info: Payload = {}
    if expires_at is not None:
        info["expiryDate"] = write_stamp(expires_at)
    if group_id is not None and len(group_id) <= MAX_ID_TAG_LENGTH:
        info["parentIdTag"] = group_id
    info["status"] = _STATUSES.get(status, "Invalid")
    return info
