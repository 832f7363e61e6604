"""The edge's command line, in this process or in one of its own.

A process is a second of CPU before it does anything. So a test takes one where that is what it shows, once for each
family of commands, and calls the same commands here otherwise.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from unittest.mock import patch

from typer.testing import CliRunner

from edge.main import app

EDGE: Final = str(Path(sys.executable).with_name("ohmstead-edge"))
Done = subprocess.CompletedProcess[str]


def called(*arguments: str, environment: Mapping[str, str] | None = None) -> Done:
    """In this process, which it leaves as it was. A fault, which would be printed with its trace, is raised."""
    with patch.dict(os.environ, environment or {}):  # whoever signs in is noted there
        result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(arguments, result.exit_code, result.stdout, result.stderr)


def run(*arguments: str, environment: Mapping[str, str] | None = None) -> Done:
    """In a process of its own."""
    return subprocess.run(
        [EDGE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
        env=os.environ | dict(environment or {}),
    )
