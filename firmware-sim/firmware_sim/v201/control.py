"""Blocks E, F, G, I and P: remote control, availability, the status of transactions, costs, data transfer."""

from __future__ import annotations

from typing import Any

from firmware_sim.functions import displaying
from firmware_sim.messages import (
    AvailabilityChanged,
    RemoteStart,
    RemoteStop,
    Triggered,
    UnlockRequested,
)
from firmware_sim.ocpp_client import Desk, Routes
from firmware_sim.station_model import StationModel
from firmware_sim.v16.core import ECHO_VENDOR
from firmware_sim.v201.smart_charging import profile_of


class Control:
    """Each method is one request; it returns the payload of the answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """The handlers by action."""
        return {
            "RequestStartTransaction": self.request_start,
            "RequestStopTransaction": self.request_stop,
            "GetTransactionStatus": self.transaction_status,
            "ChangeAvailability": self.change_availability,
            "TriggerMessage": self.trigger,
            "UnlockConnector": self.unlock,
            "CostUpdated": self.cost_updated,
            "DataTransfer": self.data_transfer,
        }

    def request_start(
        self,
        id_token: dict[str, Any],
        remote_start_id: int,
        evse_id: int | None = None,
        group_id_token: dict[str, Any] | None = None,
        charging_profile: dict[str, Any] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        profile = None if charging_profile is None else profile_of(evse_id or 0, charging_profile)
        if charging_profile is not None and profile is None:
            return {"status": "Rejected"}
        event = RemoteStart(
            id_token=id_token["id_token"],
            token_type=id_token["type"],
            evse_id=evse_id,
            remote_start_id=remote_start_id,
            group=None if group_id_token is None else group_id_token["id_token"],
            profile=profile,
        )
        status = self._desk.ask(event)
        evse = self._desk.charger.evses.get(evse_id or 0)
        running = None if evse is None else evse.transaction_id
        return {"status": status, "transaction_id": running if status == "Accepted" else None}

    def request_stop(self, transaction_id: str, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.ask(RemoteStop(transaction=transaction_id))}

    def transaction_status(self, transaction_id: str | None = None, **_: Any) -> dict[str, Any]:
        waits = self._desk.is_waiting(transaction_id)
        if transaction_id is None:
            return {"messages_in_queue": waits}
        running = {evse.transaction_id for evse in self._desk.charger.evses.values()}
        return {"ongoing_indicator": transaction_id in running, "messages_in_queue": waits}

    def change_availability(
        self, operational_status: str, evse: dict[str, Any] | None = None, **_: Any
    ) -> dict[str, Any]:
        event = AvailabilityChanged(evse_id=evse["id"] if evse else 0, operative=operational_status == "Operative")
        return {"status": self._desk.ask(event)}

    def trigger(self, requested_message: str, evse: dict[str, Any] | None = None, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.ask(Triggered(what=requested_message, evse_id=evse["id"] if evse else 0))}

    def unlock(self, evse_id: int, **_: Any) -> dict[str, Any]:
        charger = self._desk.charger
        if evse_id in charger.evses and charger.evses[evse_id].transaction_id is not None:
            return {"status": "OngoingAuthorizedTransaction"}
        return {"status": self._desk.ask(UnlockRequested(evse_id=evse_id))}

    def cost_updated(self, total_cost: float, transaction_id: str, **_: Any) -> dict[str, Any]:
        def keep(model: StationModel) -> None:
            displaying.cost(model, transaction_id, total_cost)

        self._desk.act(keep)
        return {}

    def data_transfer(self, vendor_id: str, data: Any = None, **_: Any) -> dict[str, Any]:
        if vendor_id != ECHO_VENDOR:
            return {"status": "UnknownVendorId"}
        return {"status": "Accepted", "data": data}
