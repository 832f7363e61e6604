"""What may be asked by the code that is on a connector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from protocols.terms import EvseRef


class ConnectorRef(NamedTuple):
    """A connector of a site: `connector_id` counts from 1 in its EVSE, as in OCPP 2.0.1."""

    evse: EvseRef
    connector_id: int

    def __str__(self) -> str:
        return f"{self.evse}*{self.connector_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartByCode:
    """Begin a transaction for a token at the very connector whose code was scanned; `url` is what the code holds. Its
    signature is checked first. The result is that of OperateStation."""

    id: str
    url: Annotated[str, Field(min_length=1, max_length=1000)]
    token_uid: Annotated[str, Field(min_length=1, max_length=36)]
    timeout_s: float = 60.0
    kind: Literal["start_by_code"] = "start_by_code"
