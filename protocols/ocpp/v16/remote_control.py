"""OCPP 1.6 §5.11 RemoteStartTransaction and §5.12 RemoteStopTransaction."""

from __future__ import annotations

from typing import assert_never

from protocols.charger.commands import ChargerCommand, StartTransaction, StopTransaction
from protocols.ocpp.dialect import Payload


def render_command(command: ChargerCommand) -> tuple[str, Payload]:
    """The call that carries out a command (§6.33, §6.35): its action and payload."""
    match command:
        case StartTransaction():
            return "RemoteStartTransaction", {"connectorId": command.evse_id, "idTag": command.token_uid}
        case StopTransaction():
            return "RemoteStopTransaction", {"transactionId": int(command.charger_transaction_id)}
        case _:
            assert_never(command)
