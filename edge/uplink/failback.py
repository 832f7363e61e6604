"""While a session stands: is there a better broker? Looks beside it and leaves nothing of what works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import aiomqtt
import structlog

from edge.uplink.broker import broker_session
from edge.uplink.broker_choice import BrokerChoice
from edge.uplink.settings import UplinkSettings
from protocols.errors import BadText


class Leave(StrEnum):
    """Why a working session is left for another broker."""

    PRIMARY_IS_BACK = "primary_is_back"
    HUB_IS_SILENT = "hub_is_silent"


async def until_another_is_better(
    settings: UplinkSettings, choice: BrokerChoice, client_id: str, waiting_since_s: Callable[[], float | None]
) -> Leave:
    """Look again and again; never returns where there is one broker only.

    `waiting_since_s` says since when entries wait for the hub without any progress.
    """
    clock = asyncio.get_running_loop().time
    if choice.brokers == 1:
        await asyncio.Event().wait()
    while True:
        await asyncio.sleep(choice.jitter(settings.probe_every_s / 2, settings.probe_every_s))
        since_s = waiting_since_s()
        if since_s is not None and clock() - since_s >= choice.silence_limit_s:
            return Leave.HUB_IS_SILENT
        if choice.current != 0:
            is_reachable = await _answers(settings, f"{client_id}-probe")
            if choice.probed(clock(), is_reachable=is_reachable):
                return Leave.PRIMARY_IS_BACK


async def _answers(settings: UplinkSettings, client_id: str) -> bool:
    """Does the primary let us in? A TCP connection would not tell: what is between may take it for a dead broker."""
    log: Any = structlog.get_logger("edge.uplink")
    try:
        async with broker_session(settings.brokers[0], settings, client_id, None):
            return True
    except (aiomqtt.MqttError, BadText, OSError) as error:
        log.debug("uplink_primary_away", problem=str(error))
        return False
