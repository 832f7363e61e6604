"""The wall clock of the agent's box jumps under load, two hours back and more than a year ahead: everything is billed
once, no duration or amount is negative, and what is in doubt waits for a person."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.journeys.fault_site import SPEED, a_fault_site

pytestmark = pytest.mark.timeout(300)  # on a machine with other work

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
SLEEPS = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds) and None\n"
"""In the agent: libfaketime 0.9.10 breaks clock_nanosleep where it leaves the monotonic clock alone."""
JUMPS_S = (-7_200.0, 400 * 86_400.0)
"""By the site's clock, which runs SPEED times as fast as the box's."""


@pytest.mark.skipif(LIBRARY is None, reason="no libfaketime on this machine (Debian: apt-get install faketime)")
async def test_the_clock_jumps_back_and_far_ahead(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLEEPS)
    wrong = tmp_path / "clock"
    wrong.write_text("+0\n")
    faked = {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(wrong),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "OHMSTEAD_EDGE_LEDGER__KEEP_JOURNAL_DAYS": "1000",  # a year ahead, all would be trimmed
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
    }
    async with a_fault_site(tmp_path, settings=faked) as site:
        await site.load.more(20)
        for jump_s in JUMPS_S:
            wrong.write_text(f"{jump_s / SPEED:+.3f}\n")
            await site.load.more(20)
            wrong.write_text("+0\n")
            await site.load.more(20)
        await site.heal_and_judge()
        bills = site.edge.cdrs()
        assert all(bill.total_energy_wh >= 0 and bill.total_cost.incl_vat >= 0 for bill in bills)
        assert all(bill.total_time_s >= 0 for bill in bills)
        site.edge.check()
