"""Who knows the codes on the site's connectors, built from the settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from edge.config import EdgeConfig
from edge.config_fields import EvseSettings
from protocols.errors import BadText
from protocols.site.code_requests import ConnectorRef
from protocols.terms import EvseRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.payments.qr_codes import CodeReader


class PresentedCodes:
    """The port Codes: the site's key is read when a code is presented, for it is needed seldom."""

    def __init__(self, read: Callable[[], CodeReader]) -> None:
        self._read = read

    def place(self, url: str) -> ConnectorRef:
        try:
            return self._read().place(url)
        except OSError as error:
            raise BadText(f"the key of the codes cannot be read: {error}") from error


def presented_codes(settings: EdgeConfig) -> PresentedCodes | None:
    """None where no payment page is configured."""
    return PresentedCodes(partial(code_reader, settings)) if settings.payments.qr_url is not None else None


def code_reader(settings: EdgeConfig) -> CodeReader:
    """Raises BadText where no payment page is configured or the key is damaged, OSError where it cannot be read."""
    from edge.payments.qr_codes import CodeReader, ensure_key

    page = settings.payments.qr_url
    if page is None:
        raise BadText('no payment page is configured: set qr_url = "https://…" under [payments]')
    connectors = {ref: bay.connectors for ref, bay in bays_of(settings).items()}
    key = ensure_key(settings.data_dir).public_key()
    return CodeReader(edge_id=settings.edge_id, page=page, key=key, connectors=connectors)


def bays_of(settings: EdgeConfig) -> dict[EvseRef, EvseSettings]:
    """All EVSEs of the settings."""
    stations: dict[str, tuple[EvseSettings, ...]] = {each.id: each.evses for each in settings.stations}
    stations |= {each.id: each.evses for each in settings.modbus}
    return {EvseRef(station_id, bay.id): bay for station_id, bays in stations.items() for bay in bays}
