"""`ohmstead-edge verify` and `explain`: proof that the money is what it was, and how a bill came about."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from edge.console import DEFAULT_CONFIG, ConfigOption, fail, load_settings, plain
from edge.ledger.database import LedgerError, open_reader
from edge.places import ledger_path

if TYPE_CHECKING:  # what proves loads all that prices
    from collections.abc import Callable

    from edge.ledger.verify import Verified

LedgerOption = Annotated[
    Path | None, typer.Option("--ledger", help="This file, such as a backup, instead of the configuration's ledger.")
]
SealOption = Annotated[
    list[str] | None,
    typer.Option("--seal", help="ENTRY:HASH as somebody else keeps it, such as the hub; may be given again."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]


def verify(
    ledger: LedgerOption = None,
    seals: SealOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Prove that no bill, posting or decision was changed, and that all of them add up; the agent may run or not.

    The chain of hashes, each posting's balance, each bill posted once, the totals of accounts, and every bill made
    again from its own tariff to the cent. Nothing is written. Ends with 1 where something is wrong.
    """
    from edge.ledger.verify import Verifier

    path = ledger if ledger is not None else ledger_path(load_settings(config))
    try:
        with contextlib.closing(open_reader(path)) as reading, _progress() as told:
            result = Verifier(reading, told, dict(map(_seal, seals or ()))).run()
    except LedgerError as error:
        fail(str(error))
    except sqlite3.DatabaseError as error:
        fail(f"{path} cannot be read as a ledger: {error}")
    if as_json:
        print(json.dumps(asdict(result), indent=2, ensure_ascii=False))
    else:
        _tell(path, result)
    if result.findings:
        raise SystemExit(1)


def _seal(text: str) -> tuple[int, str]:
    found = re.fullmatch(r"([0-9]{1,15}):([0-9a-fA-F]{64})", text)
    if found is None:
        fail(f"--seal {text}: expected an entry's number, a colon and 64 hexadecimal digits", code=2)
    return int(found[1]), found[2].lower()


def _tell(path: Path, result: Verified) -> None:
    for each in result.findings:
        print(plain(f"{each.where}: {each.problem}"))
    if result.left_out:
        print(f"and {result.left_out} findings more")
    looked = f"{result.bills} bills, {result.postings} postings and {result.decisions} decisions"
    if result.findings:
        print(f"{path}: {len(result.findings) + result.left_out} findings in {looked}")
        return
    print(f"{path}: good. {looked}; {result.chained} of them chained, {result.seals} seals.")
    print(f"The chain ends at entry {result.last_seq} with {result.hash}")


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """On a terminal how far it is, on standard error; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("verifying"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("verify", total=None)
        yield lambda done, all_: shown.update(task, completed=done, total=max(all_, 1))


# --- explain ---


def explain(
    cdr_id: Annotated[str, typer.Argument(help="A bill's id: see `ohmstead-edge bills list`.")],
    as_json: JsonOption = False,
    ledger: LedgerOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Tell how each line of a bill came about, and what became of the bill; the agent may run or not."""
    from edge.bill_story import story_json, story_text
    from edge.ledger import bill_reading

    path = ledger if ledger is not None else ledger_path(load_settings(config))
    try:
        with contextlib.closing(open_reader(path)) as reading:
            documents = bill_reading.documents_with(reading, cdr_id)
            postings = list(bill_reading.postings_of(reading, documents))
            about = next((each for each in documents if each.cdr.id == cdr_id), None)
            if about is None:
                fail(f"there is no bill {cdr_id}; see `ohmstead-edge bills list`")
            readings = bill_reading.register_readings(reading, about.cdr)
    except LedgerError as error:
        fail(str(error))
    except sqlite3.DatabaseError as error:
        fail(f"{path} cannot be read as a ledger: {error}")
    if as_json:
        print(json.dumps(story_json(about, documents, postings, readings), indent=2, ensure_ascii=False))
        return
    for line in story_text(about, documents, postings, readings):
        print(plain(line))
