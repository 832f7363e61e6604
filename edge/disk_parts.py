"""What looks after the ledger's file and its disk, from the settings."""

from __future__ import annotations

import asyncio
from zoneinfo import ZoneInfo

from edge.agent import Agent
from edge.config import EdgeConfig
from edge.domain.disk_events import LEDGER_DAMAGED, DiskLevel, LedgerReplaced
from edge.domain.telemetry import MARKS_ONLY, NORMAL, STRETCHED
from edge.ledger.ballast import Ballast
from edge.ledger.day_sums import Summer, marks
from edge.ledger.disk import Shedder, Watermarks
from edge.ledger.ledger import Ledger
from edge.ledger.ledger_metrics import LedgerMetrics
from edge.ledger.recovery import Ready, make_ready
from edge.ledger.soundness import Checker
from edge.ports import Clock, Inbox

MB = 1_000_000


def ballast_of(config: EdgeConfig) -> Ballast:
    return Ballast(config.data_dir / "ballast", config.disk.ballast_mb * MB)


def summer_of(config: EdgeConfig, ledger: Ledger, inbox: Inbox, clock: Clock) -> Summer:
    """Days are those of the site."""
    zone = ZoneInfo(config.location.time_zone)
    return Summer(ledger, marks(ledger.connection), inbox, clock, lambda at: at.astimezone(zone).date())


def shedder(config: EdgeConfig, agent: Agent, ledger: Ledger, ballast: Ballast, metrics: LedgerMetrics) -> Shedder:
    watermarks = Watermarks(
        thin_percent=config.disk.thin_percent,
        shed_percent=config.disk.shed_percent,
        spare_percent=config.disk.spare_percent,
        full_below_bytes=config.disk.full_below_mb * MB,
    )

    def thin(level: DiskLevel) -> None:
        floor = MARKS_ONLY if level >= DiskLevel.SPARE else STRETCHED
        agent.pressure.floor = floor if level >= DiskLevel.THIN else NORMAL

    has_hub = config.uplink is not None
    return Shedder(ledger, agent, watermarks, ballast, metrics, thin, has_hub=has_hub)


async def ready_ledger(config: EdgeConfig, ballast: Ballast, clock: Clock) -> Ready:
    """See that there is a good ledger to open. Raises LedgerError."""
    config.data_dir.mkdir(parents=True, exist_ok=True)
    ballast.make_room()
    folder = config.ledger.backup_dir
    backups = config.data_dir / folder if folder is not None else None
    path = config.data_dir / "ledger.sqlite"
    return await asyncio.to_thread(make_ready, path, config.edge_id, backups, clock())


def tell_found(found: Ready, agent: Agent, ledger: Ledger) -> Checker | None:
    """Have the staff told what was wrong; what looks at the rest, where the start had no time for it."""

    def damaged(problem: str) -> None:
        text = (
            f"the ledger is damaged ({problem}). Restart the agent when little is charging: it then sets the file aside"
            " and takes the newest backup; see the runbook, 'A damaged ledger'"
        )
        agent.put(LedgerReplaced(alarm=LEDGER_DAMAGED, text=text))

    if found.problem is not None:
        agent.put(LedgerReplaced(alarm=found.alarm, text=found.problem))
    return None if found.is_checked else Checker(ledger.path, damaged)
