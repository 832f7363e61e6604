"""`ohmstead-edge qr`, `qr-check` and `qr-key`: the signed codes on connectors. The agent may run or not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from edge.config import EdgeConfig
from edge.config_fields import EvseSettings
from edge.console import DEFAULT_CONFIG, ConfigOption, fail, load_settings, plain
from protocols.errors import BadText

Station = Annotated[str, typer.Argument(help="The charging station's id.")]
EvseId = Annotated[int, typer.Argument(min=1, help="The EVSE's number in its station.")]


def qr(
    station: Station,
    evse: EvseId,
    png: Annotated[Path | None, typer.Option("--png", help="Write the code alone into this file.")] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", help="Write a label with the host's name into this file.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make the code of a connector: the payment page's address, signed by the site. Shown here unless it is written."""
    import segno

    from edge.payments.qr_codes import ConnectorCode, code_url, ensure_key, label_svg

    settings = load_settings(config)
    page, label = _page(settings), _label(settings, station, evse)
    try:
        code = ConnectorCode(edge_id=settings.edge_id, station_id=station, evse_id=evse)
        url = code_url(page, ensure_key(settings.data_dir), code)
        if png is not None:
            segno.make(url, error="m").save(str(png), kind="png", scale=8, border=4)
        if svg is not None:
            svg.write_text(label_svg(url, urlsplit(page).hostname or "", label), encoding="utf-8")
    except (BadText, OSError) as error:
        fail(str(error))
    print(url)
    print(f"for {plain(label)}, leads to {urlsplit(page).hostname}")
    if png is None and svg is None:
        segno.make(url, error="m").terminal(compact=True)


def qr_check(
    url: Annotated[str, typer.Argument(help="What the code on the connector holds, as a phone reads it.")],
    station: Annotated[str | None, typer.Argument(help="Where it was found.")] = None,
    evse: Annotated[int | None, typer.Argument(min=1, help="Where it was found.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say whether a code is the site's, and belongs where it was found. Exit status 1 where it does not."""
    from edge.payments.qr_codes import ensure_key, read_code

    settings = load_settings(config)
    try:
        found = read_code(url, _page(settings), ensure_key(settings.data_dir).public_key())
    except (BadText, OSError) as error:
        fail(str(error))
    where = f"{found.station_id} EVSE {found.evse_id}"
    if found.edge_id != settings.edge_id:
        fail(f"this code belongs to another site, {plain(found.edge_id)}: take it off")
    if station is not None and (found.station_id, found.evse_id) != (station, evse or found.evse_id):
        fail(f"this code belongs to {plain(where)}, where somebody else would be charged for it: put it back there")
    print(f"good: the code of {plain(where)}")


def qr_key(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show the public key by which the payment page tells the site's codes from others (Ed25519, base64url)."""
    from edge.payments.qr_codes import ensure_key, public_key

    try:
        print(public_key(ensure_key(load_settings(config).data_dir)))
    except (BadText, OSError) as error:
        fail(str(error))


def _page(settings: EdgeConfig) -> str:
    if settings.payments.qr_url is None:
        fail('no payment page is configured: set qr_url = "https://…" under [payments]', code=2)
    return settings.payments.qr_url


def _label(settings: EdgeConfig, station: str, evse: int) -> str:
    """What is painted on the bay. Ends the program where there is no such EVSE."""
    bays: dict[str, tuple[EvseSettings, ...]] = {each.id: each.evses for each in settings.stations}
    bays |= {each.id: each.evses for each in settings.modbus}
    if station not in bays:
        fail(f"there is no station {station!r} in the settings", code=2)
    labels = {bay.id: bay.label for bay in bays[station]}
    if evse not in labels:
        fail(f"{station} has no EVSE {evse}; it has {', '.join(map(str, labels)) or 'none'}", code=2)
    return f"{labels[evse]} ({station} EVSE {evse})"
