"""`ohmstead-edge qr`, `qr-check` and `qr-key`: the signed codes on connectors. The agent may run or not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from edge.config import EdgeConfig
from edge.console import DEFAULT_CONFIG, ConfigOption, fail, load_settings, plain
from protocols.errors import BadText
from protocols.terms import EvseRef

Station = Annotated[str, typer.Argument(help="The charging station's id.")]
EvseId = Annotated[int, typer.Argument(min=1, help="The EVSE's number in its station.")]
ConnectorId = Annotated[int, typer.Argument(min=1, help="The connector's number in its EVSE.")]


def qr(
    station: Station,
    evse: EvseId,
    connector: ConnectorId = 1,
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
    page, label = _page(settings), _label(settings, EvseRef(station, evse), connector)
    try:
        code = ConnectorCode(edge_id=settings.edge_id, station_id=station, evse_id=evse, connector_id=connector)
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
    connector: Annotated[int | None, typer.Argument(min=1, help="Where it was found.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say whether a code is the site's, and belongs where it was found. Exit status 1 where it does not."""
    from edge.code_parts import code_reader

    settings = load_settings(config)
    try:
        found = code_reader(settings).place(url)
    except (BadText, OSError) as error:
        fail(plain(str(error)))
    where = (*found.evse, found.connector_id)
    words = f"{where[0]} EVSE {where[1]} connector {where[2]}"
    if station is not None and where != (station, evse or where[1], connector or where[2]):
        fail(f"this code belongs to {plain(words)}, where somebody else would be charged for it: put it back there")
    print(f"good: the code of {plain(words)}")


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


def _label(settings: EdgeConfig, ref: EvseRef, connector: int) -> str:
    """What is painted on the bay, and which connector it is. Ends the program where there is none such."""
    from edge.code_parts import bays_of

    bays = bays_of(settings)
    numbers = [str(known.evse_id) for known in bays if known.station_id == ref.station_id]
    if not numbers:
        fail(f"there is no station {ref.station_id!r} in the settings", code=2)
    bay = bays.get(ref)
    if bay is None:
        fail(f"{ref.station_id} has no EVSE {ref.evse_id}; it has {', '.join(numbers)}", code=2)
    if connector > bay.connectors:
        has = f"{ref.station_id} EVSE {ref.evse_id} has {bay.connectors} by the settings"
        fail(f"there is no connector {connector}: {has} (`connectors`)", code=2)
    which = f" connector {connector}" if bay.connectors > 1 else ""
    return f"{bay.label}{which} ({ref.station_id} EVSE {ref.evse_id}{which})"
