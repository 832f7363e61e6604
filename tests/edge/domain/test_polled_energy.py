"""How the energy of chargers that know no transactions is counted: registers that reset or roll over, or none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocols.charger.abilities import EnergySource
from tests.edge.domain.bay import Bay
from tests.edge.domain.site_kit import component, new_site, tariff


def test_a_total_that_rolls_over_is_counted_on() -> None:
    bay = Bay(register_wh=2**32 - 3000, rolls_over_at_wh=2**32)
    bay.find()
    bay.vehicle()
    bay.card()
    bay.charge(2400)
    assert bay.register_wh is not None
    bay.register_wh -= 2**32
    bay.register_wh %= 2**32
    bay.charge(6000)
    bay.register_wh %= 2**32
    bay.unplug()
    cdr = bay.bill()
    assert cdr.total_energy_wh == 8400


def test_a_total_that_falls_where_it_cannot_roll_over_is_for_a_person() -> None:
    bay = Bay(register_wh=500_000, rolls_over_at_wh=2**32)
    bay.find()
    bay.vehicle()
    bay.card()
    bay.charge(6000)
    bay.register_wh = 100
    bay.charge(6000)
    bay.unplug()
    (cdr,) = bay.bills()
    assert cdr.total_energy_wh == 12_000
    assert len(cdr.quarantine) == 1


def test_a_session_register_that_begins_anew_is_counted_on() -> None:
    bay = Bay(energy=EnergySource.SESSION, register_wh=31_000)
    bay.find()
    bay.vehicle()
    bay.card()
    bay.register_wh = 0  # this model starts it with the charging
    bay.charge(6000)
    bay.register_wh = 0  # and anew after a power cut
    bay.charge(3000)
    bay.register_wh = 0  # and when the vehicle goes
    bay.unplug()
    cdr = bay.bill()
    assert cdr.total_energy_wh == 9000


def test_a_bad_reading_of_a_session_register_is_for_a_person() -> None:
    bay = Bay(energy=EnergySource.SESSION, register_wh=0)
    bay.find()
    bay.vehicle()
    bay.card()
    bay.charge(12_000)
    bay.register_wh = 7000
    bay.read()
    bay.unplug()
    (cdr,) = bay.bills()
    assert len(cdr.quarantine) == 1


def test_without_a_register_the_power_is_added_up_and_the_bill_kept_back() -> None:
    bay = Bay(energy=EnergySource.POWER, register_wh=None)
    bay.find()
    bay.vehicle()
    bay.card()
    bay.charge(6000)
    bay.unplug()
    (cdr,) = bay.bills()
    assert 5900 <= cdr.total_energy_wh <= 6000
    assert cdr.quarantine == ("the energy was estimated and the tariff prices it: some_charger does not measure it",)


@pytest.mark.parametrize("is_allowed", [True, False])
def test_an_estimate_is_billed_where_the_tariff_says_so_or_does_not_price_energy(is_allowed: bool) -> None:
    rules = new_site().rules
    if is_allowed:
        rules = replace(rules, estimating_tariffs=frozenset({"standard"}))
    else:
        rules = replace(rules, tariffs={"standard": tariff(component("FLAT", "2.00"))})
    site = new_site()
    site.rules = rules
    site.take_tariffs()
    bay = Bay(site=site, energy=EnergySource.POWER, register_wh=None)
    bay.find()
    bay.vehicle()
    bay.card()
    bay.charge(6000)
    bay.unplug()
    assert 5900 <= bay.bill().total_energy_wh <= 6000
