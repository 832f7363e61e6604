"""All benchmarks by name, at their full sizes or at others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.bench.result import Result
from tests.bench.scale import ScaleSizes, cost_per_message
from tests.bench.storm import StormSizes, connect_storm
from tests.bench.throughput import THROUGHPUT, Sizes


def catalogue(
    sizes: Sizes | None = None, scale: ScaleSizes | None = None, storm: StormSizes | None = None
) -> dict[str, Callable[[], Result]]:
    """Benchmarks to be called."""
    return {
        **{benchmark.name: partial(benchmark.run, sizes or Sizes()) for benchmark in THROUGHPUT},
        "cost_per_message": partial(cost_per_message, scale or ScaleSizes()),
        "connect_storm": partial(connect_storm, storm or StormSizes()),
    }
