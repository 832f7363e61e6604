"""OCPP 2.0.1 functional block F: RequestStartTransaction and RequestStopTransaction."""

from __future__ import annotations

from typing import assert_never

from protocols.charger.commands import ChargerCommand, StartTransaction, StopTransaction
from protocols.ocpp.dialect import Payload


def render_command(command: ChargerCommand) -> tuple[str, Payload]:
    """The call that carries out a command: its action and payload.

    The token goes out as Central: it is authorised here, and the station need not ask again (C05).
    """
    match command:
        case StartTransaction():
            return "RequestStartTransaction", {
                "evseId": command.evse_id,
                "remoteStartId": command.remote_start_id,
                "idToken": {"idToken": command.token_uid, "type": "Central"},
            }
        case StopTransaction():
            return "RequestStopTransaction", {"transactionId": command.charger_transaction_id}
        case _:
            assert_never(command)
