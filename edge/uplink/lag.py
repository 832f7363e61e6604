"""Does the hub fall behind? Tells the site, which raises an alarm. By the machine's monotonic clock, from counters
alone: neither a clock that is put right nor a played day looks like a lag."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from edge.domain.events import SyncLagged
from edge.ports import Inbox, Journal, Overloaded
from protocols.sync.topics import Stream


@dataclass(slots=True)
class StreamLag:
    """For how long a stream's newest entry of some time ago has been waiting for its Ack."""

    _awaited_seq: int = field(default=0, init=False)
    _since_s: float | None = field(default=None, init=False)

    def look(self, last_seq: int, acked_seq: int, now_s: float) -> float:
        """The lag in seconds, too short by the time between two looks at most."""
        if self._since_s is None or acked_seq >= self._awaited_seq:
            self._awaited_seq, self._since_s = last_seq, (now_s if last_seq > acked_seq else None)
        return now_s - self._since_s if self._since_s is not None else 0.0


async def watch_lag(journal: Journal, inbox: Inbox, limit_s: float, every_s: float) -> None:
    """Tell the site when the hub has fallen behind and when it has caught up, until cancelled."""
    clock = asyncio.get_running_loop().time
    lags = {stream: StreamLag() for stream in Stream}
    told: bool | None = None
    while True:
        longest_s = max(lags[each].look(journal.last_seq(each), journal.acked_seq(each), clock()) for each in Stream)
        is_lagging = longest_s > limit_s
        if is_lagging is not told:
            waiting = {each: journal.last_seq(each) - journal.acked_seq(each) for each in Stream}
            counts = ", ".join(f"{each} {count}" for each, count in waiting.items() if count)
            text = f"The hub has not taken what was journaled {longest_s / 60:.0f} minutes ago; waiting: {counts}"
            try:
                await inbox.ask(SyncLagged(is_lagging=is_lagging, text=text if is_lagging else ""))
                told = is_lagging
            except Overloaded:
                pass  # said with the next look, if it still holds
        await asyncio.sleep(every_s)
