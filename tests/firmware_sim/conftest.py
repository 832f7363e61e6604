from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.firmware_sim import csms as csms_module
from tests.firmware_sim.csms import Csms


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    """A CSMS of the test's own; that every frame it got was valid by the schemas is part of every test."""
    async with csms_module.running() as running:
        yield running
    assert running.invalid == []
