"""What OCPP stations take flows through a meter of the site's, watt-hour by watt-hour."""

from __future__ import annotations

import pytest

from firmware_sim.charger import Charger
from firmware_sim.messages import Plugged, PowerRestored, Presented, Unplugged
from firmware_sim.modbus.device import Device, DeviceClock
from firmware_sim.modbus.simulated import simulated
from firmware_sim.settings import OfflineAuthorize
from firmware_sim.station_flow import StationFlow
from firmware_sim.vehicle import Vehicle
from tests.firmware_sim.playbook import CARD, T0, at, car, spec


def a_site() -> tuple[Charger, Device]:
    """A station with an AC and a DC EVSE that lets everybody charge, and the meter in front of both."""
    charger = Charger(spec(offline_authorize=OfflineAuthorize.ANY), T0)
    charger.handle(PowerRestored(), T0)
    feeder = Device(simulated("janitza_umg"), DeviceClock(lambda: 0.0))
    feeder.set_load(0, 0, 0)
    for evse_id in charger.evses:
        feeder.let_through(StationFlow(charger, evse_id))
    return charger, feeder


def charge(charger: Charger, evse_id: int, vehicle: Vehicle) -> None:
    charger.handle(Plugged(evse_id=evse_id, vehicle=vehicle), T0)
    charger.handle(Presented(evse_id=evse_id, id_token=CARD), T0)


@pytest.mark.parametrize(("evse_id", "ac_phases", "used"), [(1, 3, 3), (1, 1, 1), (2, 3, 3)])
def test_what_an_evse_counts_flows_through_the_meter_over_its_phases(evse_id: int, ac_phases: int, used: int) -> None:
    charger, feeder = a_site()
    meter, evse = feeder.meter(), charger.evses[evse_id]
    import_uj, phase_uj, register_uj = meter.import_uj, list(meter.phase_import_uj), evse.meter.register_uj
    charge(charger, evse_id, car(ac_phases=ac_phases))
    charger.advance(at(600))
    feeder.pass_time(600)
    drawn_uj = evse.meter.register_uj - register_uj
    assert drawn_uj > 0
    assert meter.import_uj - import_uj == drawn_uj
    grown_uj = [now - before for now, before in zip(meter.phase_import_uj, phase_uj, strict=True)]
    assert grown_uj == pytest.approx([drawn_uj / used] * used + [0] * (3 - used), abs=3)
    assert meter.power_w() == pytest.approx(evse.power_w, abs=3)


def test_what_flowed_just_before_the_vehicle_went_is_counted_too() -> None:
    charger, feeder = a_site()
    before_uj, register_uj = feeder.meter().import_uj, charger.evses[1].meter.register_uj
    charge(charger, 1, car())
    feeder.pass_time(60)
    charger.handle(Unplugged(evse_id=1), at(90))
    assert charger.evses[1].vehicle is None
    feeder.pass_time(60)
    assert feeder.meter().import_uj - before_uj == charger.evses[1].meter.register_uj - register_uj > 0
    assert feeder.meter().power_w() == 0
