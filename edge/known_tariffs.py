"""The tariffs of a site by where they come from, read beside a running agent or without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge.places import ledger_path

if TYPE_CHECKING:
    from edge.config import EdgeConfig
    from protocols.ocpi.tariff import Tariff

OF_SETTINGS: Final = "settings"
OF_SITE: Final = "site"
OF_HUB: Final = "hub"


def known_tariffs(settings: EdgeConfig) -> dict[str, dict[str, Tariff]]:
    """By source and id; the later source wins. Raises LedgerError."""
    from edge.ledger.reader import LedgerReader
    from edge.site_rules import rules_of

    path = ledger_path(settings)
    kept: dict[str, dict[str, Tariff]] = {OF_SITE: {}, OF_HUB: {}}
    if path.exists():  # a site that has not run yet has the tariffs of its settings
        kept = LedgerReader(path).tariffs()
    return {OF_SETTINGS: rules_of(settings).tariffs, **kept}
