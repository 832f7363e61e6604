from __future__ import annotations

from pathlib import Path

import pytest

from firmware_sim.blocks.tokens import TokenEntry
from firmware_sim.charger import Charger
from firmware_sim.memory import Memory
from firmware_sim.messages import Plugged, Presented
from firmware_sim.settings import OfflineAuthorize
from firmware_sim.station_model import Remembered
from protocols.errors import BadText
from tests.firmware_sim.playbook import CARD, T0, at, car, online, spec, steps


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    charger = Charger(spec(offline_authorize=OfflineAuthorize.ANY), T0)
    online(charger)
    charger.connected = False
    charger.handle(Plugged(evse_id=2, vehicle=car()), at(1))
    queue = tuple(steps(charger.handle(Presented(evse_id=2, id_token=CARD), at(2.5))))
    queue += tuple(steps(charger.advance(at(99.123))))
    charger.accepted.add(CARD)
    Memory(tmp_path, "CP01").save(charger.remembered(), queue)
    assert Memory(tmp_path, "CP01").load() == (charger.remembered(), queue)


def test_a_station_without_a_past(tmp_path: Path) -> None:
    assert Memory(tmp_path, "CP01").load() == (Remembered(), ())
    assert Memory(None, "CP01").load() == (Remembered(), ())


def test_a_broken_memory_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "CP01.json").write_text("{}")
    with pytest.raises(BadText, match="not a station's memory"):
        Memory(tmp_path, "CP01").load()


def test_what_the_csms_has_set_comes_back(tmp_path: Path) -> None:
    charger = Charger(spec(), T0)
    variable = charger.device.by_key("LightIntensity")
    assert variable is not None
    charger.device.values[variable.id] = "40"
    charger.local_list.take(7, is_full=True, changes=[(CARD, TokenEntry(id_token=CARD, expires_at=at(60)))])
    charger.firmware.version = "2.0.0"
    Memory(tmp_path, "CP01").save(charger.remembered(), ())
    again = Charger(spec(), T0, Memory(tmp_path, "CP01").load()[0])
    assert (again.device.values, again.local_list, again.firmware.version) == (
        charger.device.values,
        charger.local_list,
        "2.0.0",
    )
