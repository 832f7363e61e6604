"""The profiles Local Auth List Management and Reservation (OCPP 1.6 §5.1, §5.10, §5.13 and §5.15)."""

from __future__ import annotations

from typing import Any

from firmware_sim.blocks.reservations import Reservation
from firmware_sim.blocks.tokens import TokenEntry
from firmware_sim.functions import reserving
from firmware_sim.messages import moment
from firmware_sim.ocpp_client import Desk, Routes
from firmware_sim.station_model import StationModel


class Lists:
    """Each method is one request; it returns the payload of the answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """The handlers by action."""
        return {
            "GetLocalListVersion": self.version,
            "SendLocalList": self.send,
            "ReserveNow": self.reserve,
            "CancelReservation": self.cancel,
        }

    def version(self) -> dict[str, Any]:
        model = self._desk.charger
        return {"list_version": model.local_list.version if model.settings.local_list_enabled else -1}

    def send(
        self,
        list_version: int,
        update_type: str,
        local_authorization_list: list[dict[str, Any]] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        changes = [(each["id_tag"], _entry(each)) for each in local_authorization_list or ()]

        def take(model: StationModel) -> str:
            if not model.settings.local_list_enabled:
                return "NotSupported"
            return model.local_list.take(list_version, is_full=update_type == "Full", changes=changes)

        return {"status": self._desk.act(take)}

    def reserve(
        self,
        connector_id: int,
        expiry_date: str,
        id_tag: str,
        reservation_id: int,
        parent_id_tag: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        reservation = Reservation(
            reservation_id=reservation_id,
            evse_id=connector_id,
            id_token=id_tag,
            group=parent_id_tag,
            expires_at=moment(expiry_date),
        )
        return {"status": self._desk.act(lambda model: reserving.reserve(model, reservation))}

    def cancel(self, reservation_id: int, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: reserving.cancel(model, reservation_id))}


def _entry(told: dict[str, Any]) -> TokenEntry | None:
    info = told.get("id_tag_info")
    if info is None:
        return None
    expires_at = info.get("expiry_date")
    return TokenEntry(
        id_token=told["id_tag"],
        status=info["status"],
        group=info.get("parent_id_tag"),
        expires_at=None if expires_at is None else moment(expires_at),
    )
