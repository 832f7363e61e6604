"""Decides a change of the staff where no agent runs, as the agent would: the same decisions on the same ledger."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.config import EdgeConfig
from edge.domain.events import Done, Refused, SiteReply
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.local.changes import Change, event_of
from edge.metrics import AgentMetrics
from edge.places import clock_of, ledger_path
from edge.site_rules import rules_of
from protocols.errors import BadText


def decide_alone(settings: EdgeConfig, change: Change) -> str:
    """What was done. Raises BadText with the reason where it was refused, LedgerError."""
    with Ledger(ledger_path(settings), settings.edge_id) as ledger:
        reply = asyncio.run(_decide(settings, ledger, change))
    match reply:
        case Done(text=text):
            return text
        case Refused(reason=reason):
            raise BadText(reason)
        case _:
            raise TypeError(f"unexpected reply {reply!r}")


async def _decide(settings: EdgeConfig, ledger: Ledger, change: Change) -> SiteReply:
    site = restore(ledger, rules_of(settings))
    agent = Agent(site, ledger, clock_of(settings), AgentMetrics(CollectorRegistry()))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(agent.run())
        reply = await agent.ask(event_of(change))
        running.cancel()
    return reply
