"""Latencies by the million in a few kilobytes: logarithmic buckets, each at most 0.8 % wide, that add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_BITS: Final = 7
_FINE: Final = 1 << _BITS
PERCENTILES: Final = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "p99_9_ms": 0.999}


class Latencies:
    """Counts by duration, in whole µs; a percentile is told as the upper end of its bucket, the maximum exactly."""

    __slots__ = ("_counts", "count", "max_us", "total_us")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self.total_us = 0
        self.max_us = 0

    def record(self, duration_ns: int) -> None:
        """Count one; what is below zero counts as zero."""
        duration_us = max(0, duration_ns // 1000)
        shift = max(0, duration_us.bit_length() - _BITS - 1)
        bucket = (shift << _BITS) + (duration_us >> shift)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.count += 1
        self.total_us += duration_us
        if duration_us > self.max_us:
            self.max_us = duration_us

    def percentile_us(self, share: float) -> int:
        """The duration that `share` (0 to 1) of all do not exceed; 0 when there are none."""
        wanted, seen = share * self.count, 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return min(_upper_us(bucket), self.max_us)
        return self.max_us

    def summary(self) -> dict[str, Any]:
        """Count, mean, percentiles and maximum, in ms."""
        told = {name: self.percentile_us(share) / 1000 for name, share in PERCENTILES.items()}
        mean_ms = round(self.total_us / max(self.count, 1) / 1000, 3)
        return {"count": self.count, "mean_ms": mean_ms, **told, "max_ms": self.max_us / 1000}

    def dump(self) -> dict[str, Any]:
        """For `add` in another process."""
        return {"counts": self._counts, "total_us": self.total_us, "max_us": self.max_us}

    def add(self, dumped: Mapping[str, Any]) -> None:
        """Take in what another has counted."""
        for bucket, count in dumped["counts"].items():
            key = int(bucket)
            self._counts[key] = self._counts.get(key, 0) + count
            self.count += count
        self.total_us += dumped["total_us"]
        self.max_us = max(self.max_us, dumped["max_us"])


def _upper_us(bucket: int) -> int:
    # A shift of 0 holds twice as many buckets as the others: all values below 2 * _FINE stand for themselves.
    shift = max(0, (bucket >> _BITS) - 1)
    return ((bucket - (shift << _BITS) + 1) << shift) - 1
