"""What the functional blocks do by themselves: when they are due, and what follows from every event. Pure."""

from __future__ import annotations

from datetime import datetime

from firmware_sim.functions import charging, displaying, monitoring, reserving, updating
from firmware_sim.station_model import StationModel


def next_due(model: StationModel) -> list[datetime]:
    """Every instant at which a block has something to do."""
    return [
        *reserving.next_due(model),
        *charging.next_due(model),
        *updating.next_due(model),
        *monitoring.next_due(model),
    ]


def fall_due(model: StationModel) -> None:
    """Do what it is time for."""
    reserving.expire(model)


def take_effect(model: StationModel) -> None:
    """After every event: begin what can begin now, show what is reserved, obey the profiles, forget what is over."""
    if model.powered:
        updating.fall_due(model)
    reserving.show(model)
    charging.obey(model)
    displaying.forget(model)


def watch(model: StationModel) -> None:
    """After that, look at what is monitored."""
    if model.monitors.by_id and model.powered:
        monitoring.watch(model)
