from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.meter import Meter
from firmware_sim.vehicle import UJ_PER_WH
from protocols.terms import ReadingContext
from tests.firmware_sim.playbook import T0


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**15), max_size=50))
def test_sums_exactly_in_any_slices(slices_uj: list[int]) -> None:
    meter = Meter(register_uj=7)
    for energy_uj in slices_uj:
        meter = meter.after(energy_uj)
    assert meter == Meter(register_uj=7 + sum(slices_uj))
    assert meter.register_wh == (7 + sum(slices_uj)) // UJ_PER_WH


def test_refuses_to_count_down() -> None:
    with pytest.raises(ValueError, match="counts up"):
        Meter().after(-1)


def test_one_phase_car_loads_one_phase() -> None:
    reading = Meter(phases=3).read(T0, ReadingContext.OTHER, power_w=3_680, used=1, soc_percent=50)
    assert reading.current_ma == (16_000, 0, 0)
    assert reading.voltage_v == (230, 230, 230)
    assert reading.soc_percent is None


def test_dc_has_one_voltage_and_tells_the_state_of_charge() -> None:
    reading = Meter(phases=0).read(T0, ReadingContext.OTHER, power_w=39_000, used=3, soc_percent=50)
    assert (reading.voltage_v, reading.current_ma, reading.soc_percent) == ((390,), (100_000,), 50)
