"""One agent for all certification cases of a file; each case has a station of its own, named after the case."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.edge.conformance.running_agent import RunningAgent, running_agent

_CASE = re.compile(r"test_(tc_(?:[a-z]_)?\d+(?:_\d+)?|also_[a-z]+)_")
"""Public cases by their numbers; what no case asks for begins with `also`."""


@pytest.fixture(scope="module")
def agent(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAgent]:
    """A running agent that knows a station for every case of the file.

    A module may have MORE_SETTINGS and OF_STATION (see running_agent); `prepared(folder)` makes files in the folder
    that more settings name.
    """
    stations = {_station_of(name) for name in dir(request.module) if _CASE.match(name)}
    folder = tmp_path_factory.mktemp("agent")
    prepared: Callable[[Path], str] = getattr(request.module, "prepared", lambda _folder: "")
    more = getattr(request.module, "MORE_SETTINGS", "") + prepared(folder)
    of_station = getattr(request.module, "OF_STATION", {})
    with running_agent(folder, stations, more, of_station) as running:
        yield running


@pytest.fixture
def case(request: pytest.FixtureRequest) -> str:
    """The case's number, which is the id of its station: TC_004_1."""
    return _station_of(request.node.originalname)


def _station_of(test: str) -> str:
    found = _CASE.match(test)
    assert found is not None, f"{test} is not named test_tc_<number>_<title> or test_also_<word>_<title>"
    return found[1].upper()
