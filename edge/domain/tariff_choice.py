"""Which tariff prices a transaction: chosen when it begins, by where it is and who charges, and kept with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from protocols.ocpi.location import Evse
from protocols.ocpi.tariff import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffRule:
    """Whom a tariff is for: all that is set must match. `min_power_w` is inclusive and `max_power_w` exclusive, as a
    tariff's own restrictions are."""

    tariff_id: str
    location_ids: frozenset[str] = frozenset()
    station_ids: frozenset[str] = frozenset()
    evse_labels: frozenset[str] = frozenset()
    min_power_w: int | None = None
    max_power_w: int | None = None
    group_ids: frozenset[str] = frozenset()
    contract_ids: frozenset[str] = frozenset()

    def is_for(self, location_id: str, evse: Evse, group_id: str | None, contract_id: str | None) -> bool:
        """A driver who is not known yet is of no group and no contract."""
        return (
            (not self.location_ids or location_id in self.location_ids)
            and (not self.station_ids or evse.station_id in self.station_ids)
            and (not self.evse_labels or evse.label in self.evse_labels)
            and (self.min_power_w is None or evse.max_power_w >= self.min_power_w)
            and (self.max_power_w is None or evse.max_power_w < self.max_power_w)
            and (not self.group_ids or group_id in self.group_ids)
            and (not self.contract_ids or contract_id in self.contract_ids)
        )


def is_valid(tariff: Tariff, at: datetime) -> bool:
    """Whether a session that begins at that time may be priced by it."""
    begin, end = tariff.start_date_time, tariff.end_date_time
    return (begin is None or begin <= at) and (end is None or at < end)


def choose(
    rules: Sequence[TariffRule],
    tariffs: Mapping[str, Tariff],
    default_id: str,
    *,
    location_id: str,
    evse: Evse,
    at: datetime,
    group_id: str | None,
    contract_id: str | None,
) -> Tariff:
    """The tariff of the first rule that is for it and whose tariff is valid then; else the EVSE's, else the default,
    which is always valid."""
    for rule in rules:
        if rule.is_for(location_id, evse, group_id, contract_id):
            tariff = tariffs[rule.tariff_id]
            if is_valid(tariff, at):
                return tariff
    own = tariffs.get(evse.tariff_id or default_id)
    return own if own is not None and is_valid(own, at) else tariffs[default_id]
