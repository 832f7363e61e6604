"""What a station knows of a customer: told and forgotten on request (OCPP 2.0.1 N09, N10). Pure."""

from __future__ import annotations

from firmware_sim.messages import iso
from firmware_sim.station_model import StationModel

_PART = 512
"""NotifyCustomerInformation carries this many characters."""


def inform(model: StationModel, request_id: int, *, tells: bool, clears: bool, id_token: str | None) -> str:
    """CustomerInformation; what is told comes in NotifyCustomerInformation, also when there is nothing (N09.FR.03)."""
    if not (tells or clears) or id_token is None:
        return "Invalid"
    text = "\n".join(_lines(model, id_token)) if tells else ""
    if clears:
        _forget(model, id_token)
    parts = [text[start : start + _PART] for start in range(0, len(text), _PART)] or [""]
    for seq_no, part in enumerate(parts):
        model.tell(
            "NotifyCustomerInformation",
            is_asked=True,
            request_id=request_id,
            data=part,
            seq_no=seq_no,
            generated_at=iso(model.now),
            tbc=seq_no < len(parts) - 1,
        )
    return "Accepted"


def _lines(model: StationModel, id_token: str) -> list[str]:
    lines = []
    if model.local_list.find(id_token) is not None:
        lines.append("local list: yes")
    if id_token in model.accepted:
        lines.append("cache: yes")
    for each in model.transactions.values():
        if each.id_token == id_token:
            ended = iso(each.ended_at) if each.ended_at else "running"
            lines.append(f"transaction {each.transaction_id} {iso(each.started_at)} {ended}")
    return lines


def _forget(model: StationModel, id_token: str) -> None:
    model.accepted.discard(id_token)
    model.groups.pop(id_token, None)
    for key, each in list(model.transactions.items()):
        if each.id_token == id_token and each.is_settled:
            del model.transactions[key]
