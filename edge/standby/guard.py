"""A child of the agent that waits for its end, however that comes, and lets go of the site's address then.

Started by address.py as a script of its own, with the command to run; its standard input ends with the agent. What it
imports is Python's own: it shall be there at once, and small.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

COMMAND_S = 10.0


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 64):
        pass
    subprocess.run(json.loads(sys.argv[1]), check=False, timeout=COMMAND_S)


if __name__ == "__main__":
    main()
