"""What has to do with payments, built from the settings: without providers cash alone is taken, and aiohttp, a dozen
megabytes, is not loaded."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from edge.agent import Agent
from edge.certificates.notary import Notary
from edge.config import EdgeConfig
from edge.domain.errands import AskProvider, CancelPayment, DistrustCertificate, Errand, SignCertificate
from edge.ledger.ledger import Ledger
from edge.ledger.payment_reading import PaymentReader
from edge.local.payment_requests import PaymentDesk
from edge.ports import Clock
from protocols.errors import BadText
from protocols.sync.payments import PaymentMethod, ProviderReconciled

if TYPE_CHECKING:
    from edge.payments.collector import Collector
    from edge.payments.reconciler import Reconciler


class Collecting:
    """The port Providers: payments are followed, and held against lists."""

    def __init__(self, collector: Collector, reconciler: Reconciler) -> None:
        self.collector = collector
        self._reconciler = reconciler

    def unavailable(self, method: PaymentMethod, provider: str | None) -> str | None:
        return self.collector.unavailable(method, provider)

    async def reconcile(self, provider: str, day: date, by: str) -> ProviderReconciled:
        return await self._reconciler.reconcile(provider, day, by)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.collector.run(), name="collector")
            tasks.create_task(self._reconciler.run(), name="reconciler")


class Errands:
    """Implements the port of this name: each errand goes to who does it."""

    def __init__(self, notary: Notary, collecting: Collecting | None) -> None:
        self._notary = notary
        self._collecting = collecting

    def do(self, errand: Errand) -> None:
        match errand:
            case SignCertificate() | DistrustCertificate():
                self._notary.do(errand)
            case AskProvider() | CancelPayment():
                if self._collecting is not None:
                    self._collecting.collector.do(errand)
            case _:
                assert_never(errand)


def payment_desk(ledger: Ledger, agent: Agent, collecting: Collecting | None) -> PaymentDesk:
    return PaymentDesk(agent, PaymentReader(ledger), collecting)


def collecting(config: EdgeConfig, agent: Agent, ledger: Ledger, clock: Clock) -> Collecting | None:
    """None where no provider is configured. Raises BadText for a token that cannot be read."""
    if not config.payments.providers:
        return None
    from edge.payments.collector import Collector
    from edge.payments.http_provider import HttpProvider, HttpProviderSettings
    from edge.payments.reconciler import Reconciler

    providers = {
        chosen.id: (
            PaymentMethod(chosen.method),
            HttpProvider(
                HttpProviderSettings(
                    name=chosen.id, url=chosen.url, token=_token(chosen.token_file), timeout_s=chosen.timeout_s
                )
            ),
        )
        for chosen in config.payments.providers
    }
    patience = timedelta(seconds=config.payments.answer_within_s)
    collector = Collector(
        providers, agent, lambda: agent.site.payments.open.values(), lambda payment: clock() - payment.at <= patience
    )
    records = PaymentReader(ledger)
    reconciler = Reconciler(collector.lines, agent, records, clock, config.payments.reconcile_hour)
    return Collecting(collector, reconciler)


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadText(f"[payments] token_file {path} cannot be read: {error}") from error
