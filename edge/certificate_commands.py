"""`ohmstead-edge ca …`, `certificates …` and `security`: the site CA, and what is known of the stations' security.

All of it is read from files: the agent may run or not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from edge.certificates import authority
from edge.config import BadConfig, EdgeConfig, load
from edge.ledger.database import LedgerError, open_reader
from edge.ledger.security_tables import installed_certificates, issued_certificates, security_events
from edge.security_parts import load_authority
from protocols.errors import BadText, OhmsteadError

ca_app = typer.Typer(help="The site CA, which signs the stations' certificates.", no_args_is_help=True)
certificates_app = typer.Typer(help="The stations' certificates.", no_args_is_help=True)
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="OHMSTEAD_EDGE_CONFIG", help="The agent's TOML file.")
]
StationArgument = Annotated[str | None, typer.Argument(help="A charging station's id; all stations without it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, with all details.")]
DEFAULT_CONFIG = Path("/etc/ohmstead/edge.toml")


@ca_app.command("init")
def ca_init(
    organization: Annotated[str, typer.Option(help="Who runs the site, as it stands in every certificate.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make a root and an issuing certificate in the data folder; restart the agent afterwards.

    The root's key is only needed to make another issuing certificate: take it off the machine and keep it safe.
    """
    with _problems():
        settings = load(config)
        if settings.certificates.ca_file is not None:
            raise BadText(f"the settings name a CA already: {settings.certificates.ca_file}")
        if not 0 < len(organization) <= 64:
            raise BadText("an organization of 1 to 64 characters is expected")
        folder = authority.folder_of(settings.data_dir)
        now = datetime.now(UTC)  # noqa: TID251 - no agent runs here whose clock it could be
        made = authority.create(folder, organization, now)
    print(
        f"made in {folder}: {authority.ISSUER} and {authority.ROOT}, good until"
        f" {made.certificate.not_valid_after_utc:%Y-%m-%d}"
    )
    print(f"Take {folder / authority.ROOT_KEY} off this machine and keep it safe. Restart the agent.")


@ca_app.command("show")
def ca_show(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show the certificates of the site CA."""
    with _problems():
        found = _authority(load(config))
    table = Table("role", "subject", "serial number", "until")
    for role, certificate in (("issuing", found.certificate), *(("above it", each) for each in found.above)):
        until = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        table.add_row(role, _plain(certificate.subject.rfc4514_string()), authority.serial_of(certificate), until)
    _print(table)


@ca_app.command("export")
def ca_export(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print the CA's certificates in PEM, the root first: for nginx (`ssl_client_certificate`), and for stations."""
    with _problems():
        print(_authority(load(config)).trusted_pem(), end="")


@certificates_app.command("list")
def certificates_list(
    station: StationArgument = None, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """List the certificates that the site CA signed, and what stations say they hold."""
    with _problems(), _ledger(load(config)) as connection:
        issued, installed = issued_certificates(connection, station), installed_certificates(connection, station)
    if as_json:
        print(json.dumps({"issued": issued, "installed": installed}, indent=2, ensure_ascii=False))
        return
    table = Table("station", "serial number", "common name", "until", "state")
    for certificate in issued:
        table.add_row(
            _plain(certificate["station_id"]),
            certificate["serial_number"],
            _plain(certificate["common_name"]),
            certificate["not_after"][:10],
            _state(certificate),
        )
    _print(table)
    held = Table("station", "holds", "issuer's key (hash)", "serial number", "told at")
    for told in installed:
        for certificate in told["certificates"]:
            names = (str(certificate.get("certificate_type")), str(certificate.get("issuer_key_hash"))[:16])
            serial = str(certificate.get("serial_number"))
            held.add_row(_plain(told["station_id"]), *map(_plain, names), _plain(serial), told["told_at"][:16])
    _print(held)


def security(
    station: StationArgument = None, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """List the security events that stations reported, by type, the latest first."""
    with _problems(), _ledger(load(config)) as connection:
        found = security_events(connection, station)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    table = Table("station", "event", "count", "first", "last", "of the last")
    for event in found:
        names = (_plain(event["station_id"]), _plain(event["type"]), str(event["count"]))
        table.add_row(*names, event["first_at"][:16], event["last_at"][:16], _plain(event["tech_info"] or "-"))
    _print(table)


def _authority(settings: EdgeConfig) -> authority.Authority:
    found = load_authority(settings.certificates, settings.data_dir)
    if found is None:
        raise BadText("there is no site CA: see `ohmstead-edge ca init`")
    return found


def _state(certificate: dict[str, Any]) -> str:
    if certificate["revoked_at"]:
        return "REVOKED"
    return "in use" if certificate["accepted_at"] else "sent"


@contextmanager
def _ledger(settings: EdgeConfig) -> Iterator[Any]:
    connection = open_reader(settings.data_dir / "ledger.sqlite")
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _problems() -> Iterator[None]:
    try:
        yield
    except BadConfig as error:
        _fail(str(error), 2)
    except (LedgerError, OhmsteadError, OSError) as error:
        _fail(str(error), 1)


def _fail(text: str, code: int) -> NoReturn:
    print(text, file=sys.stderr)
    raise SystemExit(code)


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False).print(table)


def _plain(text: str) -> str:
    """Foreign text for a terminal: what is no printable character is shown as what it is."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
