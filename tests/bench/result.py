"""What a benchmark found, as one line of JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`ratio` is value over baseline_value, where there are rounds the median of theirs, each with both sides in turn.
    `is_better` says which way is good. `details` are further figures of the same run."""

    name: str
    value: float
    unit: str
    baseline: str
    baseline_value: float
    ratio: float
    is_better: str
    conditions: dict[str, Any]
    details: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        head = {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "baseline": self.baseline,
            "baseline_value": self.baseline_value,
            "ratio": self.ratio,
            "is_better": self.is_better,
        }
        return json.dumps(_rounded({**head, **self.details, "conditions": self.conditions}), ensure_ascii=False)


def _rounded(value: Any) -> Any:
    """Three digits are more than any run of this machine repeats."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, float):
        return float(f"{value:.3g}") if abs(value) < 1000 else round(value)
    return value
