"""Builds the file server from the settings, where it is switched on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.config import EdgeConfig
from edge.domain.offers import Offers
from edge.files.file_metrics import FileMetrics
from edge.files.store import FileStore
from edge.ports import Clock
from edge.token_file import ensure_token

if TYPE_CHECKING:
    from edge.files.file_server import FileServer

KEY_FILE: Final = "files.key"
MEGA: Final = 1_000_000


def offers_of(config: EdgeConfig) -> Offers | None:
    """The addresses of the file server, made with a secret of this agent that is kept in its data folder."""
    if config.files is None:
        return None
    key = ensure_token(config.data_dir / KEY_FILE).encode()
    return Offers(public_url=config.files.public_url, key=key, good_for=timedelta(hours=config.files.good_for_h))


def file_server(config: EdgeConfig, agent: Agent, clock: Clock, registry: CollectorRegistry) -> FileServer | None:
    """None where it is not switched on; then aiohttp, a dozen megabytes, is not loaded either."""
    chosen, offers = config.files, agent.site.rules.offers
    if chosen is None or offers is None:
        return None
    from edge.files.file_server import FileServer, FileServerSettings

    settings = FileServerSettings(
        host=chosen.host,
        port=chosen.port,
        max_upload_bytes=chosen.max_upload_mb * MEGA,
        max_kept_bytes=chosen.max_kept_mb * MEGA,
        keep=timedelta(days=chosen.keep_days),
    )

    def is_open(job_id: str, station_id: str) -> bool:
        job = agent.site.jobs.get(job_id)
        return job is not None and station_id in job.active

    return FileServer(
        settings,
        offers,
        FileStore(config.data_dir),
        agent,
        clock,
        lambda file_id: agent.site.firmware.get(file_id),
        is_open,
        FileMetrics(registry),
    )
