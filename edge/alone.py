"""Decides a change of the staff where no agent runs, as the agent would: the same decisions on the same ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.config import EdgeConfig
from edge.domain.events import Done, Refused, SiteReply
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.local.changes import Change, event_of
from edge.metrics import AgentMetrics
from edge.places import clock_of, ledger_path, pair_path
from edge.receipt_parts import receipt_desk
from edge.site_rules import rules_of
from protocols.errors import BadText
from protocols.site.receipt_requests import ReceiptRequest
from protocols.site.staff import OPERATOR
from protocols.site.view import Answer

T = TypeVar("T")


def decide_alone(settings: EdgeConfig, change: Change) -> str:
    """What was done. Raises BadText with the reason where it was refused, LedgerError."""
    _refuse_pair(settings)
    with Ledger(ledger_path(settings), settings.edge_id) as ledger:
        reply = asyncio.run(_decide(settings, ledger, change))
    match reply:
        case Done(text=text):
            return text
        case Refused(reason=reason):
            raise BadText(reason)
        case _:
            raise TypeError(f"unexpected reply {reply!r}")


def answer_alone(settings: EdgeConfig, request: ReceiptRequest) -> Answer:
    """What the agent would answer to a request about receipts. Raises BadText, LedgerError."""
    _refuse_pair(settings)
    clock = clock_of(settings)

    async def answer(agent: Agent, ledger: Ledger) -> Answer:
        return await receipt_desk(settings, ledger, agent, clock).answer(request, OPERATOR)

    with Ledger(ledger_path(settings), settings.edge_id) as ledger:
        return asyncio.run(_with_agent(settings, ledger, partial(answer, ledger=ledger)))


def _refuse_pair(settings: EdgeConfig) -> None:
    """Of two boxes the other may serve by now: what is changed here would never be the site's."""
    if settings.standby is not None and pair_path(settings).exists():
        raise BadText("one of two boxes: a change is made where the agent serves, see `ohmstead-edge standby status`")


async def _decide(settings: EdgeConfig, ledger: Ledger, change: Change) -> SiteReply:
    return await _with_agent(settings, ledger, lambda agent: agent.ask(event_of(change)))


async def _with_agent(settings: EdgeConfig, ledger: Ledger, act: Callable[[Agent], Awaitable[T]]) -> T:
    """Do something while an agent decides upon this ledger."""
    site = restore(ledger, rules_of(settings))
    agent = Agent(site, ledger, clock_of(settings), AgentMetrics(CollectorRegistry()))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(agent.run())
        done = await act(agent)
        running.cancel()
    return done
