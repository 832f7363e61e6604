"""The hub's command line and composition root: builds every part and gives it to the others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from cloud import config
from cloud.clock import clock_of
from cloud.config import Settings
from cloud.log import configure_log
from cloud.serve import broker_problems, serve
from cloud.store import keys
from cloud.store.engine import Store
from cloud.store.keys import Scope
from cloud.store.migrate import migrate
from protocols.errors import BadText, OhmsteadError

T = TypeVar("T")
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="OHMSTEAD_CLOUD_CONFIG", help="TOML file with the settings."),
]


def main() -> None:
    """Console script `ohmstead-cloud`."""
    try:
        command_line()()
    except OhmsteadError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)


def command_line() -> typer.Typer:
    cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    key = typer.Typer(help="API keys.", no_args_is_help=True)
    cli.callback()(hub)
    cli.command("run")(run)
    cli.command("migrate")(migrate_database)
    cli.command("check")(check)
    key.command("create")(create_key)
    key.command("list")(list_keys)
    key.command("revoke")(revoke_key)
    cli.add_typer(key, name="key")
    return cli


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"ohmstead-cloud {version('ohmstead')}")
        raise typer.Exit


def hub(
    _: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version, and no more.")
    ] = False,
) -> None:
    """The Ohmstead hub."""


def run(config_file: ConfigOption = None) -> None:
    """Serve REST and WebSocket and take in the journals of all edges; brings the database up to date first.

    Prints the URL it listens on, and ends cleanly on SIGTERM or SIGINT.
    """
    settings = config.load(config_file)
    _expect_usable(settings)
    configure_log()

    async def work() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(settings, stop, lambda url: print(f"ohmstead-cloud listens on {url}", flush=True))

    _run(work())


def migrate_database(config_file: ConfigOption = None) -> None:
    """Bring the database to this version's schema."""
    settings = config.load(config_file)

    async def work() -> str:
        async with contextlib.aclosing(Store.open(settings.store_url)) as store:
            return await migrate(store)

    typer.echo(f"schema {_run(work())}")


def check(config_file: ConfigOption = None) -> None:
    """Read the settings, tell every problem at once, and show what is in force; the password is never shown."""
    settings = config.load(config_file)
    _expect_usable(settings)
    typer.echo(json.dumps(json.loads(settings.model_dump_json(exclude={"timeline"})), indent=2))
    typer.echo(f"timeline: {settings.timeline}")


def _expect_usable(settings: Settings) -> None:
    """Raises BadText naming each file of the brokers' settings that cannot be used."""
    if problems := broker_problems(settings):
        raise BadText("\n".join(problems))


def create_key(
    domain: Annotated[str, typer.Option(help="The domain whose data the key sees: 0x00 to 0xFF.")],
    scope: Annotated[Scope, typer.Option(help="What it may do.")] = Scope.READ,
    name: Annotated[str, typer.Option(help="Whose key it is, for the list.")] = "",
    expires_days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; never without.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the key and nothing else.")] = False,
    config_file: ConfigOption = None,
) -> None:
    """Make an API key and print it, this once: only its digest is kept."""
    settings = config.load(config_file)
    clock = clock_of(settings.timeline)
    number = _domain(domain)

    async def work(store: Store) -> str:
        now = clock()
        expires_at = now + timedelta(days=expires_days) if expires_days else None
        async with store.write() as connection:
            return await keys.create(connection, domain=number, scope=scope, name=name, now=now, expires_at=expires_at)

    typer.echo(_with_store(settings, work))
    if not quiet:
        typer.echo("Keep it now: it is not shown again.", err=True)


def list_keys(config_file: ConfigOption = None) -> None:
    """Show every key without its secret."""

    async def work(store: Store) -> list[str]:
        async with store.read() as connection:
            rows = await keys.list_all(connection)
        return [
            f"{row['id']}  domain 0x{row['domain']:02x}  {row['scope']:<8}"
            f"  expires {_when(row['expires_at'])}  revoked {_when(row['revoked_at'])}  {row['name']}"
            for row in rows
        ]

    for line in _with_store(config.load(config_file), work):
        typer.echo(line)


def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `key list` shows it.")],
    config_file: ConfigOption = None,
) -> None:
    """End a key at once."""
    settings = config.load(config_file)
    now = clock_of(settings.timeline)()

    async def work(store: Store) -> bool:
        async with store.write() as connection:
            return await keys.revoke(connection, key_id, now)

    if not _with_store(settings, work):
        raise BadText(f"there is no key {key_id!r} that is in force; `ohmstead-cloud key list` shows them")
    typer.echo(f"revoked {key_id}")


def _with_store(settings: Settings, work: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    """Do it on an open database of the newest schema."""

    async def whole() -> T:
        async with _opened(settings) as store:
            return await work(store)

    return _run(whole())


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Store]:
    async with contextlib.aclosing(Store.open(settings.store_url)) as store:
        await migrate(store)
        yield store


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, on uvloop where there is one."""
    try:
        import uvloop

        factory = uvloop.new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)


def _domain(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not 0 <= number <= 0xFF:
        raise BadText(f"not a domain: {text!r}; expected one byte, 0x00 to 0xFF")
    return number


def _when(at: object) -> str:
    return str(at) if at is not None else "never"


if __name__ == "__main__":
    main()
