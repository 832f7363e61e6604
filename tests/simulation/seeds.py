"""Plays seeds in this process, over a database that is made once."""

from __future__ import annotations

import atexit
import gc
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests.simulation.hub_side import Database
from tests.simulation.world import Outcome, World, play


@cache
def database() -> Database:
    """This process's, made when it is first needed."""
    shared = Path("/dev/shm")  # noqa: S108 - a folder in memory, where there is one
    folder = tempfile.mkdtemp(prefix="ohmstead-simulation-", dir=shared if shared.is_dir() else None)
    atexit.register(shutil.rmtree, folder)
    made = Database(Path(folder))
    gc.freeze()  # what is there by now stays: it need not be looked at after each run
    return made


def play_one(seed: int, planted: Callable[[World], Any] | None = None, focus: str | None = None) -> Outcome:
    """Run a seed from beginning to end. `planted` breaks the product for this run; most of its troubles are of the kind
    `focus`, where one is named."""
    return play(seed, database(), planted, focus)
