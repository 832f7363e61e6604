"""What single stations do otherwise than the standard: looked up where it is known, noted where it is seen.

The site is told of a kind of deviation when a model first shows it, with the frame, and then at most once an hour how
often it was seen: what a whole fleet gets wrong in every message shall not fill the journal.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

import structlog

from edge.chargers.charger_metrics import ChargerMetrics
from edge.ports import Inbox, Overloaded
from protocols.charger.events import DeviationNoticed
from protocols.ocpp.quirks import catalogue
from protocols.ocpp.quirks.model import Quirks
from protocols.ocpp.salvage import Deviation

MAX_KINDS: Final = 4_096
"""Kinds of deviations, by model, that are counted; beyond them the one not seen for longest is forgotten."""
TELL_EVERY_S: Final = 3_600.0
MAX_TOLD_PER_S: Final = 5.0
MAX_TOLD_AT_ONCE: Final = 100
"""A fleet of many models that begins all at once; what is not told yet is counted until it is."""
MAX_FRAME_BYTES: Final = 4_000


class Model(NamedTuple):
    """How stations of a kind call themselves in their BootNotification; None where they have not."""

    vendor: str | None
    model: str | None
    firmware: str | None


UNKNOWN_MODEL: Final = Model(None, None, None)


@dataclass(slots=True)
class _Seen:
    """`untold`: how often since the site was told last, `station_id` by whom; `told_s` when that was."""

    station_id: str
    untold: int = 0
    told_s: float | None = None


class Habits:
    """Of all stations of an agent. `model_of` knows the model of a station that has booted before; `mask` hides what is
    secret in a frame; `pings` says of some stations whether they are sent pings, whatever their model."""

    def __init__(
        self,
        inbox: Inbox,
        metrics: ChargerMetrics,
        mask: Callable[[bytes], bytes],
        model_of: Callable[[str], Model] = lambda _station_id: UNKNOWN_MODEL,
        pings: Mapping[str, bool] = MappingProxyType({}),
    ) -> None:
        self._inbox = inbox
        self._metrics = metrics
        self._mask = mask
        self._model_of = model_of
        self._pings = pings
        self._seen: OrderedDict[tuple[Model, Deviation], _Seen] = OrderedDict()
        self._budget = float(MAX_TOLD_AT_ONCE)
        self._budget_s = 0.0
        self._looked_s = 0.0

    def quirks_of(self, station_id: str) -> Quirks:
        """Of a station that has just connected, by what it called itself when it last booted."""
        return catalogue.of(*self._model_of(station_id))

    def is_pinged(self, station_id: str, quirks: Quirks) -> bool:
        """Whether the station is sent pings (field quirk 7)."""
        return self._pings.get(station_id, quirks.connection.answers_pings)

    def note(
        self,
        station_id: str,
        deviations: Iterable[Deviation],
        frame: bytes,
        now_s: float,
        model: Model | None = None,
    ) -> None:
        """A frame of the station had to be mended before it could be read. `model`: where it is just being told."""
        model = model or self._model_of(station_id)
        for deviation in deviations:
            self._metrics.deviations[deviation.action, deviation.remedy.value] += 1
            key = (model, deviation)
            seen = self._seen.get(key)
            if seen is None:
                seen = self._seen[key] = _Seen(station_id)
                if len(self._seen) > MAX_KINDS:
                    self._seen.popitem(last=False)
            else:
                self._seen.move_to_end(key)
            seen.station_id = station_id
            seen.untold += 1
            if (seen.told_s is None or now_s - seen.told_s >= TELL_EVERY_S) and self._may_tell(now_s):
                self._tell(deviation, seen, frame, now_s)

    def tell_late(self, now_s: float) -> None:
        """Tell what was counted an hour ago and was not seen again since. To be called now and then."""
        if now_s - self._looked_s < TELL_EVERY_S / 60:
            return
        self._looked_s = now_s
        for (_, deviation), seen in self._seen.items():
            is_due = seen.untold and seen.told_s is not None and now_s - seen.told_s >= TELL_EVERY_S
            if is_due and self._may_tell(now_s):
                self._tell(deviation, seen, None, now_s)

    def _may_tell(self, now_s: float) -> bool:
        passed_s, self._budget_s = now_s - self._budget_s, now_s
        self._budget = min(MAX_TOLD_AT_ONCE, self._budget + passed_s * MAX_TOLD_PER_S)
        if self._budget < 1:
            return False
        self._budget -= 1
        return True

    def _tell(self, deviation: Deviation, seen: _Seen, frame: bytes | None, now_s: float) -> None:
        is_first = seen.told_s is None
        event = DeviationNoticed(
            station_id=seen.station_id,
            action=deviation.action,
            path=deviation.path,
            problem=deviation.problem,
            remedy=deviation.remedy.value,
            count=seen.untold,
            frame=self._shown(frame) if is_first and frame is not None else None,
        )
        with suppress(Overloaded):  # it is counted on, and told when the station does it again
            self._inbox.put(event)
            seen.untold, seen.told_s = 0, now_s
            if is_first:
                structlog.get_logger().info(
                    "deviation_seen",
                    station_id=seen.station_id,
                    action=deviation.action,
                    path=deviation.path,
                    problem=deviation.problem,
                    remedy=deviation.remedy.value,
                )

    def _shown(self, frame: bytes) -> str:
        return self._mask(frame)[:MAX_FRAME_BYTES].decode(errors="replace")
