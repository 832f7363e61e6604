"""`ohmstead-edge ca …`, `certificates …` and `security`: the site CA, and what is known of the stations' security.

All of it is read from files: the agent may run or not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from edge.certificates import authority_files
from edge.config import EdgeConfig
from edge.console import DEFAULT_CONFIG, ConfigOption, console, fail, load_settings, plain
from edge.ledger.database import LedgerError, open_reader
from edge.ledger.security_reading import installed_certificates, issued_certificates, security_events
from edge.places import clock_of, ledger_path
from protocols.errors import BadText, OhmsteadError

if TYPE_CHECKING:  # cryptography is loaded by the commands that handle the CA
    from edge.certificates.authority import Authority

ca_app = typer.Typer(help="The site CA, which signs the stations' certificates.", no_args_is_help=True)
certificates_app = typer.Typer(help="The stations' certificates.", no_args_is_help=True)
StationArgument = Annotated[str | None, typer.Argument(help="A charging station's id; all stations without it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, with all details.")]


@ca_app.command("init")
def ca_init(
    organization: Annotated[str, typer.Option(help="Who runs the site, as it stands in every certificate.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make a root and an issuing certificate in the data folder; restart the agent afterwards.

    The root's key is only needed to make another issuing certificate: take it off the machine and keep it safe.
    """
    from edge.certificates import authority

    settings = load_settings(config)
    with _problems():
        if settings.certificates.ca_file is not None:
            raise BadText(f"the settings name a CA already: {settings.certificates.ca_file}")
        if not 0 < len(organization) <= 64:
            raise BadText("an organization of 1 to 64 characters is expected")
        folder = authority_files.folder_of(settings.data_dir)
        made = authority.create(folder, organization, clock_of(settings)())
    print(
        f"made in {folder}: {authority_files.ISSUER} and {authority_files.ROOT}, good until"
        f" {made.certificate.not_valid_after_utc:%Y-%m-%d}"
    )
    print(f"Take {folder / authority_files.ROOT_KEY} off this machine and keep it safe. Restart the agent.")


@ca_app.command("show")
def ca_show(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show the certificates of the site CA."""
    from edge.certificates.authority import serial_of

    settings = load_settings(config)
    with _problems():
        found = _authority(settings)
    table = Table("role", "subject", "serial number", "until")
    for role, certificate in (("issuing", found.certificate), *(("above it", each) for each in found.above)):
        until = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        table.add_row(role, plain(certificate.subject.rfc4514_string()), serial_of(certificate), until)
    console().print(table)


@ca_app.command("export")
def ca_export(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print the CA's certificates in PEM, the root first: for nginx (`ssl_client_certificate`), and for stations."""
    settings = load_settings(config)
    with _problems():
        print(_authority(settings).trusted_pem(), end="")


@certificates_app.command("list")
def certificates_list(
    station: StationArgument = None, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """List the certificates that the site CA signed, and what stations say they hold."""
    settings = load_settings(config)
    with _problems(), closing(open_reader(ledger_path(settings))) as connection:
        issued, installed = issued_certificates(connection, station), installed_certificates(connection, station)
    if as_json:
        print(json.dumps({"issued": issued, "installed": installed}, indent=2, ensure_ascii=False))
        return
    table = Table("station", "serial number", "common name", "until", "state")
    for certificate in issued:
        table.add_row(
            plain(certificate["station_id"]),
            certificate["serial_number"],
            plain(certificate["common_name"]),
            certificate["not_after"][:10],
            _state(certificate),
        )
    console().print(table)
    held = Table("station", "holds", "issuer's key (hash)", "serial number", "told at")
    for told in installed:
        for certificate in told["certificates"]:
            names = (str(certificate.get("certificate_type")), str(certificate.get("issuer_key_hash"))[:16])
            serial = str(certificate.get("serial_number"))
            held.add_row(plain(told["station_id"]), *map(plain, names), plain(serial), told["told_at"][:16])
    console().print(held)


def security(
    station: StationArgument = None, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """List the security events that stations reported, by type, the latest first."""
    settings = load_settings(config)
    with _problems(), closing(open_reader(ledger_path(settings))) as connection:
        found = security_events(connection, station)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    table = Table("station", "event", "count", "first", "last", "of the last")
    for event in found:
        names = (plain(event["station_id"]), plain(event["type"]), str(event["count"]))
        table.add_row(*names, event["first_at"][:16], event["last_at"][:16], plain(event["tech_info"] or "-"))
    console().print(table)


def _authority(settings: EdgeConfig) -> Authority:
    from edge.site_authority import authority_of

    found = authority_of(settings.certificates, settings.data_dir)
    if found is None:
        raise BadText("there is no site CA: see `ohmstead-edge ca init`")
    return found


def _state(certificate: dict[str, Any]) -> str:
    if certificate["revoked_at"]:
        return "REVOKED"
    return "in use" if certificate["accepted_at"] else "sent"


@contextmanager
def _problems() -> Iterator[None]:
    try:
        yield
    except (LedgerError, OhmsteadError, OSError) as error:
        fail(str(error))
