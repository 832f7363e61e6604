"""Journal body about the tariffs that the hub wants a site to have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from protocols.ocpi.tariff import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffsChanged:
    """The tariffs of the hub changed here. `is_complete`: all others of the hub go; many come in several entries, of
    which only the first is complete and the others add to it. What runs already keeps the tariff that it began with."""

    tariffs: tuple[Tariff, ...]
    is_complete: bool = False
    kind: Literal["tariffs_changed"] = "tariffs_changed"
