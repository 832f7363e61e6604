"""`ohmstead-edge backup` and `restore`: a copy of the ledger, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.console import DEFAULT_CONFIG, ConfigOption, ledger_errors, load_settings
from edge.places import clock_of, ledger_path


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the copy goes, on another disk if possible.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Copy the ledger, check the copy and prove it; the agent may run or not.

    The copy holds customers and tokens: only its owner may read it. Settings, the staff's list and the site CA's key
    are files of the data folder and no part of it.
    """
    from edge.ledger.backup import back_up

    settings = load_settings(config)
    with ledger_errors():
        copy, proved = back_up(ledger_path(settings), folder, clock_of(settings)())
    print(f"{copy}: {copy.stat().st_size / 1e6:.1f} MB, whole and proved")
    print(f"{proved.bills} bills, {proved.postings} postings; the chain ends at entry {proved.last_seq}: {proved.hash}")


def restore(
    file: Annotated[Path, typer.Argument(help="A copy that `ohmstead-edge backup` made.")],
    foreign: Annotated[bool, typer.Option("--foreign", help="Though it is of another edge_id.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put a copy in the ledger's place, under a new epoch; the agent must not run.

    The ledger that was there is kept beside it. Transactions that were open in the copy may have ended since: their
    bills wait for a person.
    """
    from edge.ledger.backup import put_back

    settings = load_settings(config)
    path = ledger_path(settings)
    with ledger_errors():
        aside = put_back(file, path, settings.edge_id, clock_of(settings)(), is_foreign=foreign)
    print(f"{path} is {file} now, under a new epoch")
    if aside is not None:
        print(f"the ledger that was there is {aside}")
    print("see `ohmstead-edge bills list --quarantined` after the next hours: what was open in the copy waits there")
