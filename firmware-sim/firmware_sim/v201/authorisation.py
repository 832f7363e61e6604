"""Blocks C, D and H: the cache, the local list, reservations."""

from __future__ import annotations

from typing import Any

from firmware_sim.blocks.reservations import ANY_EVSE, Reservation
from firmware_sim.blocks.tokens import TokenEntry
from firmware_sim.functions import reserving
from firmware_sim.messages import moment
from firmware_sim.ocpp_client import Desk, Routes
from firmware_sim.station_model import StationModel


class Authorisation:
    """Each method is one request; it returns the payload of the answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """The handlers by action."""
        return {
            "ClearCache": self.clear_cache,
            "GetLocalListVersion": self.version,
            "SendLocalList": self.send,
            "ReserveNow": self.reserve,
            "CancelReservation": self.cancel,
        }

    def clear_cache(self, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(_clear_cache)}

    def version(self, **_: Any) -> dict[str, Any]:
        model = self._desk.charger
        return {"version_number": model.local_list.version if model.settings.local_list_enabled else 0}

    def send(
        self,
        version_number: int,
        update_type: str,
        local_authorization_list: list[dict[str, Any]] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        changes = [(each["id_token"]["id_token"], _entry(each)) for each in local_authorization_list or ()]

        def take(model: StationModel) -> str:
            if not model.settings.local_list_enabled:
                return "Failed"
            return model.local_list.take(version_number, is_full=update_type == "Full", changes=changes)

        return {"status": self._desk.act(take)}

    def reserve(
        self,
        id: int,  # noqa: A002  the field's name in OCPP
        expiry_date_time: str,
        id_token: dict[str, Any],
        evse_id: int | None = None,
        group_id_token: dict[str, Any] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        reservation = Reservation(
            reservation_id=id,
            evse_id=ANY_EVSE if evse_id is None else evse_id,
            id_token=id_token["id_token"],
            group=None if group_id_token is None else group_id_token["id_token"],
            expires_at=moment(expiry_date_time),
        )
        return {"status": self._desk.act(lambda model: reserving.reserve(model, reservation))}

    def cancel(self, reservation_id: int, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: reserving.cancel(model, reservation_id))}


def _clear_cache(model: StationModel) -> str:
    if not model.settings.cache_enabled:
        return "Rejected"
    model.accepted.clear()
    model.groups.clear()
    return "Accepted"


def _entry(told: dict[str, Any]) -> TokenEntry | None:
    info = told.get("id_token_info")
    if info is None:
        return None
    group, expires_at = info.get("group_id_token"), info.get("cache_expiry_date_time")
    return TokenEntry(
        id_token=told["id_token"]["id_token"],
        status=info["status"],
        group=None if group is None else group["id_token"],
        expires_at=None if expires_at is None else moment(expires_at),
    )
