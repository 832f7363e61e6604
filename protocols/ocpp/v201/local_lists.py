"""OCPP 2.0.1 functional blocks C and D: the station's cache and its list of tokens."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.charger.operations.availability import ClearCache, GetLocalListVersion, ListedToken, SendLocalList
from protocols.ocpp.dialect import Payload, Result
from protocols.ocpp.reading import read_int
from protocols.ocpp.v201.datatypes import write_id_token
from protocols.ocpp.writing import filled, stamp


def write_clear_cache(_operation: ClearCache) -> Payload:
    """C11 ClearCacheRequest."""
    return {}


def write_send_local_list(operation: SendLocalList) -> Payload:
    """D01 SendLocalListRequest. An empty list is left out: the schema wants one entry at least."""
    return filled(
        versionNumber=operation.version,
        updateType=operation.update_type,
        localAuthorizationList=[_authorization_data(token) for token in operation.tokens] or None,
    )


def write_get_local_list_version(_operation: GetLocalListVersion) -> Payload:
    """D02 GetLocalListVersionRequest."""
    return {}


def read_get_local_list_version(_operation: GetLocalListVersion, answers: Sequence[Payload]) -> Result:
    """D02 GetLocalListVersionResponse."""
    version = read_int(answers[0].get("versionNumber"))
    if version is None:
        return Result(is_accepted=False, detail="no versionNumber")
    return Result(is_accepted=True, result={"version": version})


def _authorization_data(token: ListedToken) -> Payload:
    """AuthorizationData; without idTokenInfo the token is taken off the list."""
    id_token = write_id_token(token.token_uid, token.token_type)
    if token.status is None:
        return {"idToken": id_token}
    group = None if token.group_id is None else write_id_token(token.group_id, "Central")
    info = filled(status=token.status.value, cacheExpiryDateTime=stamp(token.expires_at), groupIdToken=group)
    return {"idTokenInfo": info, "idToken": id_token}
