"""The newest live values of an edge, gathered until they are written: one of each thing, whatever comes in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from protocols.sync.present import Birth, EvseLive, FlowLive, Live, MeterLive, SyncReport


@dataclass(slots=True)
class LiveValues:
    """Each with the site's time of its news; the balance is one thing."""

    evses: dict[tuple[str, int], tuple[EvseLive, datetime]] = field(default_factory=dict)
    meters: dict[str, tuple[MeterLive, datetime]] = field(default_factory=dict)
    balance: tuple[FlowLive, ...] = ()
    balance_at: datetime | None = None
    sync: tuple[SyncReport, datetime] | None = None

    def hear(self, live: Live | Birth) -> None:
        """Older news than what is here changes nothing: messages may come in another order than they were sent."""
        for evse in live.evses:
            place = (evse.station_id, evse.evse_id)
            if place not in self.evses or self.evses[place][1] <= live.at:
                self.evses[place] = (evse, live.at)
        for meter in live.meters:
            if meter.meter_id not in self.meters or self.meters[meter.meter_id][1] <= live.at:
                self.meters[meter.meter_id] = (meter, live.at)
        if live.balance and (self.balance_at is None or self.balance_at <= live.at):
            self.balance, self.balance_at = live.balance, live.at
        if isinstance(live, Live) and live.sync is not None and (self.sync is None or self.sync[1] <= live.at):
            self.sync = (live.sync, live.at)
