"""What a charger measures while a vehicle charges: power that rises, stays and falls, with the noise of a meter."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from protocols.terms import Measurand

Measured = tuple[Measurand, str | None, int]
PHASES: Final = ("L1", "L2", "L3")


def charging(luck: random.Random, meter_wh: float, every_s: int) -> Iterator[list[Measured]]:
    """One message after the other, for as long as it is asked: up within four of them, level with what a meter's noise
    (0.4 %) and the mains do, down from 80 % on."""
    top_w, charge = luck.choice((7_400, 11_000, 22_000)), luck.uniform(10, 40)
    volts = [luck.uniform(226, 236) for _ in PHASES]
    step = 0
    while True:
        step += 1
        taper = 1.0 if charge < 80 else max(0.1, (100 - charge) / 20)
        power_w = top_w * min(1.0, step / 4) * taper * (1 + luck.gauss(0, 0.004))
        meter_wh += power_w * every_s / 3600
        charge = min(100.0, charge + power_w * every_s / 3600 / 600)
        volts = [min(250.0, max(210.0, volt + luck.gauss(0, 0.15))) for volt in volts]
        measured: list[Measured] = [
            (Measurand.ENERGY_REGISTER, None, round(meter_wh)),
            (Measurand.POWER, None, round(power_w)),
        ]
        for phase, volt in zip(PHASES, volts, strict=True):
            measured.append((Measurand.CURRENT, phase, round(power_w / 3 / volt * 1000)))
            measured.append((Measurand.VOLTAGE, phase, round(volt * 10) * 100))
        yield [*measured, (Measurand.STATE_OF_CHARGE, None, int(charge))]
