"""What a process used of the machine: read from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """CPU time in seconds, resident memory now and at its highest in kB."""

    cpu_s: float
    resident_kb: int
    peak_kb: int


def use_of(pid: int) -> Use | None:
    """None where there is no such process, or no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    kb = {line.partition(":")[0]: line.split()[1] for line in status if line.startswith(("VmRSS:", "VmHWM:"))}
    return Use(
        cpu_s=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
        resident_kb=int(kb.get("VmRSS", 0)),
        peak_kb=int(kb.get("VmHWM", 0)),
    )


class Watched:
    """Processes observed at named moments, `marks`: (seconds of the run, use by pid)."""

    def __init__(self, pids: list[int]) -> None:
        self._pids = pids
        self._marks: dict[str, tuple[float, dict[int, Use]]] = {}

    def mark(self, name: str, at_s: float) -> None:
        found = {pid: use_of(pid) for pid in self._pids}
        self._marks[name] = (at_s, {pid: use for pid, use in found.items() if use is not None})

    def cores(self, begin: str, end: str) -> float | None:
        """CPU seconds a second between two marks, of all together."""
        if begin not in self._marks or end not in self._marks:
            return None
        (begin_s, before), (end_s, after) = self._marks[begin], self._marks[end]
        used_s = sum(after[pid].cpu_s - before[pid].cpu_s for pid in after if pid in before)
        return round(used_s / max(end_s - begin_s, 1e-9), 3)

    def summary(self, stations: int) -> dict[str, Any]:
        """Cores in the steady phase, in the storm and over the whole run, memory at the marks, growth per station."""
        memory_kb = {name: sum(use.resident_kb for use in uses.values()) for name, (_, uses) in self._marks.items()}
        names = list(self._marks)
        peaks = [sum(use.peak_kb for use in uses.values()) for _, uses in self._marks.values()]
        per_station = None
        if "begin" in memory_kb and "end" in memory_kb:
            per_station = round((memory_kb["end"] - memory_kb["begin"]) / stations, 1)
        return {
            "cores_steady": self.cores("steady", "end"),
            "cores_storm": self.cores("storm", "last"),
            "cores": self.cores(names[0], names[-1]) if names else None,
            "resident_kb": memory_kb,
            "peak_kb": max(peaks, default=0),
            "growth_kb_per_station": per_station,
        }
