"""Journal body about the tariffs that a site has beside those of its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from protocols.ocpi.tariff import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffsChanged:
    """Tariffs were brought in by the staff (`source` "site", `by` whom), or are wanted by the hub's document.
    `is_complete`: all others of that source go; many come in several entries, of which only the first is complete and
    the others add to it. What runs already keeps the tariff that it began with."""

    tariffs: tuple[Tariff, ...]
    source: Literal["site", "hub"] = "hub"
    is_complete: bool = False
    by: str | None = None
    kind: Literal["tariffs_changed"] = "tariffs_changed"
