"""What the machine is, and what of it a process used."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_CPUCLOCK_SCHED: Final = 2
"""How Linux numbers the CPU clock of a process: clock_getcpuclockid(3), which Python does not offer."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The server's core and the load's; the same one where there is no other."""

    server: int
    load: int

    @property
    def are_apart(self) -> bool:
        return self.server != self.load


def choose_cores() -> Cores:
    usable = sorted(os.sched_getaffinity(0))
    return Cores(server=usable[0], load=usable[-1])


def cpu_s(pid: int) -> float:
    """CPU time that a process with all its threads has used, user and system, in seconds; exact, not in ticks."""
    return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)


def resident_kb(pid: int) -> int:
    """Resident memory in kB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def memory_kb() -> int:
    """Of the whole machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024


def busy_s() -> float:
    """CPU time that all processes of the machine have used, on all cores, in seconds."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = (
        int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICKS_PER_S


def describe() -> dict[str, Any]:
    """For the conditions of a result."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": model,
        "python": platform.python_version(),
        "kernel": platform.release(),
    }
