"""Each benchmark runs and says what it must; how fast it is no test's business."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from protocols.timeline import REAL_TIME
from tests.bench.catalogue import catalogue
from tests.bench.processes import ROOT
from tests.bench.scale import ScaleSizes
from tests.bench.scripts import Stamps, meter_values_16, transaction_event, voice
from tests.bench.storm import StormSizes
from tests.bench.throughput import Sizes

KEYS = {"name", "value", "unit", "baseline", "baseline_value", "ratio", "conditions"}
TINY = catalogue(
    Sizes(stations=4, rounds=1, warm_s=0.05, window_s=0.2),
    ScaleSizes(stations=(2, 6), rate=100, rounds=1, warm_s=0.05, window_s=0.2),
    StormSizes(stations=5, rounds=1),
)


@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_prints_one_line_of_json_with_what_it_found(name: str) -> None:
    line = TINY[name]().line()
    assert "\n" not in line
    found = json.loads(line)
    assert found.keys() >= KEYS
    assert found["name"] == name
    assert found["value"] > 0
    assert found["baseline_value"] > 0
    assert found["ratio"] > 0
    assert {"cores", "python", "load"} <= found["conditions"].keys()
    assert not any(found.get("errors", {}).values())


def test_the_benchmarks_can_be_listed() -> None:
    command = [sys.executable, "-m", "tests.bench", "--list"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert listed.split() == list(TINY)


def test_the_frames_are_as_large_as_real_ones() -> None:
    station = voice(1, Stamps(REAL_TIME))
    assert len(meter_values_16(station, b"195000123", 1)) == 883
    assert 1_150 < len(transaction_event(station, 1, 1)) < 1_250
