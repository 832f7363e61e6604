"""A broker and a site for every test of the uplink."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.edge.uplink.parts import Site
from tests.kit import Broker, start_broker


@pytest.fixture
def broker() -> Iterator[Broker]:
    with start_broker() as started:
        yield started


@pytest.fixture
def site() -> Site:
    return Site.new()
