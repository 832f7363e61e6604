"""OCPP 2.0.1 functional block C: Authorize, and the idTokenInfo that transactions carry too."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET

from protocols.charger.commands import IdTokenAnswer, Reply
from protocols.charger.events import IdTokenPresented
from protocols.ocpp.dialect import Payload, expect
from protocols.ocpp.reading import read_text, write_stamp

_MAX_ID_TOKEN_LENGTH: Final = 36
_MAX_LANGUAGE_LENGTH: Final = 8
_NONE_NEEDED: Final = "NoAuthorization"


def read_authorize(station_id: str, payload: Any) -> IdTokenPresented:
    """C01 AuthorizeRequest."""
    return IdTokenPresented(station_id=station_id, token_uid=read_id_token(payload.idToken) or "")


def render_authorize(reply: Reply) -> Payload:
    """C01 AuthorizeResponse."""
    return {"idTokenInfo": render_id_token_info(expect(reply, IdTokenAnswer))}


def read_id_token(id_token: Any) -> str | None:
    """IdTokenType; None where there is none, or where nobody need be authorised."""
    return None if id_token is UNSET or id_token.type == _NONE_NEEDED else read_text(id_token.idToken)


def is_token_waived(id_token: Any) -> bool:
    """C02, C06: a token that says that no token is needed, at a button or with a key of its own."""
    return id_token is not UNSET and id_token.type == _NONE_NEEDED


def render_id_token_info(answer: IdTokenAnswer) -> Payload:
    """IdTokenInfoType. What does not fit into its field is left out."""
    info: Payload = {"status": answer.status.value}
    if answer.expires_at is not None:
        info["cacheExpiryDateTime"] = write_stamp(answer.expires_at)
    if answer.language is not None and len(answer.language) <= _MAX_LANGUAGE_LENGTH:
        info["language1"] = answer.language
    if answer.group_id is not None and len(answer.group_id) <= _MAX_ID_TOKEN_LENGTH:
        info["groupIdToken"] = {"idToken": answer.group_id, "type": "Central"}
    return info
