"""What looks after the ledger's disk, from the settings."""

from __future__ import annotations

from edge.agent import Agent
from edge.config import EdgeConfig
from edge.domain.disk_events import DiskLevel
from edge.domain.telemetry import MARKS_ONLY, NORMAL, STRETCHED
from edge.ledger.ballast import Ballast
from edge.ledger.disk import Shedder, Watermarks
from edge.ledger.ledger import Ledger
from edge.ledger.ledger_metrics import LedgerMetrics

MB = 1_000_000


def ballast_of(config: EdgeConfig) -> Ballast:
    return Ballast(config.data_dir / "ballast", config.disk.ballast_mb * MB)


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
