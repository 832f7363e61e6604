"""`ohmstead-edge profile …`: the profiles of Modbus devices, for who looks for one or writes one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from edge.toml_lines import key_lines, line_of
from protocols.modbus import catalogue
from protocols.modbus.reader import BadProfile, Problem, parse
from protocols.modbus.reads import names_of, plan, points
from protocols.modbus.register import Group

profile_app = typer.Typer(help="The profiles of Modbus devices.", no_args_is_help=True)
_WIDTH = 200
"""Of a list that is not written to a terminal."""


@profile_app.command("list")
def profile_list() -> None:
    """List the device models that ship with Ohmstead."""
    table = Table("profile", "kind", "vendor and model", "transports", "variants", "tried on")
    for profile_id in catalogue.profile_ids():
        profile, variants = catalogue.parsed(profile_id)
        table.add_row(
            profile.id,
            profile.kind.value,
            f"{profile.vendor} {profile.model}",
            ", ".join(profile.transports),
            ", ".join(variants) or "-",
            profile.verified or "no hardware yet",
        )
    Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False, markup=False).print(table)


@profile_app.command("check")
def profile_check(file: Annotated[Path, typer.Argument(help="A profile, a TOML file.")]) -> None:
    """Check a profile and name every problem with its line."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{file}: {getattr(error, 'strerror', None) or error}")
    try:
        profile, variants = parse(text)
    except BadProfile as error:
        count = len(error.problems)
        told = "\n".join(_with_lines(file, text, error.problems))
        _fail(f"{told}\n{count} problem{'s' if count > 1 else ''} in {file}")
    if profile.id != file.stem:
        _fail(f"{file}: the file of a profile is named after its id, {profile.id}.toml")
    reads = plan(points(profile, names_of(profile, Group.FAST)), profile)
    print(f"{file}: good. {len(profile.registers)} registers; the fast ones of an EVSE take {len(reads)} requests.")
    if variants:
        print(f"Variants: {', '.join(variants)}.")


def _with_lines(file: Path, text: str, problems: Sequence[Problem]) -> Iterator[str]:
    lines = key_lines(text)
    numbered = ((line_of(lines, problem.at) or 0, problem) for problem in problems)
    for line, problem in sorted(numbered, key=lambda each: each[0]):
        place = ".".join(map(str, problem.at))
        yield f"{file}:{line}: {place}: {problem.text}" if line else f"{file}: {problem.text}"


def _fail(text: str) -> NoReturn:
    print(text, file=sys.stderr)
    raise SystemExit(2)
