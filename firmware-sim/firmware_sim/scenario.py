"""Scenarios: a TOML file that says which stations there are, who comes when, and what goes wrong.

A file with problems is refused with all of them at once, each with its place (`sessions[3].evse`).
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from firmware_sim.faults import Fault, FaultKind
from firmware_sim.habits import Habit
from firmware_sim.plan import Leaves, Session, Traffic, with_traffic
from firmware_sim.settings import AfterPowerLoss, EvseSpec, OcppVersion, OfflineAuthorize, StationSpec
from firmware_sim.toml_reader import Table
from firmware_sim.vehicle import Vehicle
from protocols.errors import BadText

_VERSIONS = {"1.6": OcppVersion.V16, "2.0.1": OcppVersion.V201, "2.1": OcppVersion.V21}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A day to be played. `start` is site time (UTC) or None for now; `sessions` hold the drawn traffic too."""

    name: str
    description: str
    seed: int
    start: datetime | None
    duration_s: int
    stations: tuple[StationSpec, ...]
    sessions: tuple[Session, ...]
    faults: tuple[Fault, ...]

    def only(self, station_ids: frozenset[str]) -> Scenario:
        """The scenario with some of its stations. Raises BadText for one it does not have."""
        known = {station.station_id for station in self.stations}
        if missing := sorted(station_ids - known):
            raise BadText(f"{self.name} has no station {', '.join(missing)}; it has {', '.join(sorted(known))}")
        return replace(
            self,
            stations=tuple(each for each in self.stations if each.station_id in station_ids),
            sessions=tuple(each for each in self.sessions if each.station_id in station_ids),
            faults=tuple(each for each in self.faults if each.station_id in station_ids),
        )

    def with_passwords(self, passwords: dict[str, str]) -> Scenario:
        """The scenario with passwords from elsewhere."""
        return replace(
            self,
            stations=tuple(
                replace(each, password=passwords.get(each.station_id, each.password)) for each in self.stations
            ),
        )


def packaged() -> list[str]:
    """The names of the scenarios that come with the simulator."""
    folder = resources.files("firmware_sim") / "scenarios"
    return sorted(Path(each.name).stem for each in folder.iterdir() if each.name.endswith(".toml"))


def load(name_or_path: str, *, seed: int | None = None) -> Scenario:
    """Read a packaged scenario by name, or a file by path; `seed` replaces its own. Raises BadText."""
    if name_or_path in packaged():
        text = (resources.files("firmware_sim") / "scenarios" / f"{name_or_path}.toml").read_text()
        return parse(text, name_or_path, seed=seed)
    path = Path(name_or_path)
    try:
        return parse(path.read_text(), path.stem, seed=seed)
    except OSError as error:
        names = ", ".join(packaged())
        raise BadText(f"no scenario {name_or_path!r}: neither a file ({error.strerror}) nor one of {names}") from error


def parse(text: str, name: str, *, seed: int | None = None) -> Scenario:
    """Read a scenario's text. Raises BadText with every problem, one a line."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadText(f"{name}: not TOML: {error}") from error
    problems: list[str] = []
    root = Table(raw, "", problems)
    scenario, traffic = _scenario(root, name, seed)
    root.finish()
    if not problems:
        problems.extend(_contradictions(scenario))
    if problems:
        raise BadText("\n".join(f"{name}: {problem}" for problem in problems))
    drawn = with_traffic(scenario.sessions, traffic, scenario.stations, scenario.seed)
    return replace(scenario, sessions=drawn)


def _scenario(root: Table, name: str, seed: int | None) -> tuple[Scenario, Traffic | None]:
    start = root.take("start", datetime, None)
    if start is not None and start.tzinfo is None:
        root.problem("start", "needs a time zone, for instance 2026-03-02T08:00:00+01:00")
        start = start.replace(tzinfo=UTC)
    duration_s = root.number("duration_s", minimum=1)
    defaults = root.table("station_defaults")
    stations = tuple(_station(table, defaults) for table in root.tables("stations", required=True))
    vehicles = {table.text("name"): _vehicle_kind(table) for table in root.tables("vehicles")}
    own_seed = root.number("seed", 0, minimum=0)
    scenario = Scenario(
        name=name,
        description=root.text("description", ""),
        seed=own_seed if seed is None else seed,
        start=start.astimezone(UTC) if start else None,
        duration_s=duration_s,
        stations=stations,
        sessions=tuple(_session(table, vehicles) for table in root.tables("sessions")),
        faults=tuple(_fault(table) for table in root.tables("faults")),
    )
    return scenario, _traffic(root.table("traffic"), vehicles, duration_s)


def _station(table: Table, defaults: Table) -> StationSpec:
    both = table.over(defaults)
    password_env = both.text("password_env", "")
    password = os.environ.get(password_env) if password_env else None
    if password_env and password is None:
        table.problem("password_env", f"the environment has no {password_env}")
    return StationSpec(
        station_id=table.text("id"),
        ocpp=_VERSIONS[both.choice("ocpp", _VERSIONS)],
        vendor=both.text("vendor", "Ohmstead"),
        model=both.text("model", "Simulated"),
        serial=both.text("serial", ""),
        firmware=both.text("firmware", "1.0.0"),
        password=password or both.text("password", "") or None,
        offline_authorize=OfflineAuthorize(both.choice("offline_authorize", tuple(OfflineAuthorize), "known")),
        after_power_loss=AfterPowerLoss(both.choice("after_power_loss", tuple(AfterPowerLoss), "stop")),
        sample_interval_s=both.number("sample_interval_s", 60, minimum=0),
        clock_aligned_s=both.number("clock_aligned_s", 0, minimum=0),
        habits=_habits(both),
        roots=_roots(both),
        has_iso15118=both.take("iso15118", bool, False),
        shows_costs=both.take("shows_costs", bool, False),
        evses=tuple(
            EvseSpec(
                evse_id=number,
                max_power_w=evse.number("max_power_w", minimum=1),
                phases=evse.choice("phases", (0, 1, 3), 3),
                odometer_wh=evse.number("odometer_wh", 0, minimum=0),
            )
            for number, evse in enumerate(table.tables("evses", required=True), start=1)
        ),
    )


def _roots(table: Table) -> str:
    name = table.text("roots_file", "")
    try:
        return Path(name).read_text() if name else ""
    except OSError as error:
        table.problem("roots_file", f"cannot be read: {error.strerror}")
        return ""


def _habits(table: Table) -> frozenset[Habit]:
    words = table.words("misbehaves")
    for word in words:
        if word not in tuple(Habit):
            table.problem("misbehaves", f"{word!r} is no misbehaviour; there are {', '.join(Habit)}")
    return frozenset(Habit(word) for word in words if word in tuple(Habit))


def _vehicle_kind(table: Table) -> Vehicle:
    """A kind of vehicle, empty; a session says how full it arrives."""
    battery_wh = table.number("battery_wh", minimum=1)
    return Vehicle(
        name=table.text("name"),
        battery_wh=battery_wh,
        energy_uj=0,
        target_uj=battery_wh * 3_600_000_000,
        max_ac_power_w=table.number("max_ac_power_w", 11_000, minimum=0),
        ac_phases=table.choice("ac_phases", (1, 3), 3),
        max_dc_power_w=table.number("max_dc_power_w", 0, minimum=0),
        taper_from_percent=table.number("taper_from_percent", 80, minimum=0, maximum=100),
    )


def _session(table: Table, vehicles: dict[str, Vehicle]) -> Session:
    kind = vehicles.get(table.choice("vehicle", tuple(vehicles)) if vehicles else "")
    if kind is None:
        table.problem("vehicle", "there is no [[vehicles]] of that name")
        kind = Vehicle(battery_wh=1, energy_uj=0, target_uj=0)
    soc_percent = table.number("soc_percent", minimum=0, maximum=100)
    target_percent = table.number("target_percent", 100, minimum=0, maximum=100)
    energy_wh = table.number("energy_wh", 0, minimum=0)
    full_uj = kind.battery_wh * 3_600_000_000
    energy_uj = full_uj * soc_percent // 100
    wanted_uj = energy_uj + energy_wh * 3_600_000_000 if energy_wh else full_uj * target_percent // 100
    return Session(
        at_s=table.number("at_s", minimum=0),
        station_id=table.text("station"),
        evse_id=table.number("evse", 1, minimum=1),
        id_token=table.text("id_token"),
        vehicle=replace(kind, energy_uj=energy_uj, target_uj=min(full_uj, wanted_uj)),
        parked_s=table.number("parked_s", 300, minimum=0),
        leaves=Leaves(table.choice("leaves", tuple(Leaves), "card")),
        card_first=table.take("card_first", bool, False),
    )


def _fault(table: Table) -> Fault:
    kind = FaultKind(table.choice("kind", tuple(FaultKind)))
    evse_id = table.number("evse", minimum=1) if kind is FaultKind.CONNECTOR_FAULT else None
    return Fault(
        kind=kind,
        station_id=table.text("station"),
        at_s=table.number("at_s", minimum=0),
        for_s=table.number("for_s", minimum=1),
        evse_id=evse_id,
    )


def _traffic(table: Table, kinds: dict[str, Vehicle], duration_s: int) -> Traffic | None:
    if not table:
        return None
    wanted = table.texts("vehicles", tuple(kinds))
    for name in wanted:
        if name not in kinds:
            table.problem("vehicles", f"there is no [[vehicles]] {name!r}")
    return Traffic(
        sessions=table.number("sessions", minimum=1),
        from_s=table.number("from_s", 0, minimum=0),
        to_s=table.number("to_s", duration_s, minimum=1),
        id_tokens=table.texts("id_tokens"),
        vehicles=tuple(kinds[name] for name in wanted if name in kinds),
    )


def _contradictions(scenario: Scenario) -> list[str]:
    """Places named that do not exist, ids used twice."""
    problems = []
    places = {(station.station_id, evse.evse_id) for station in scenario.stations for evse in station.evses}
    ids = [station.station_id for station in scenario.stations]
    problems += [f"stations: {each!r} is there twice" for each in sorted({each for each in ids if ids.count(each) > 1})]
    for number, session in enumerate(scenario.sessions):
        if (session.station_id, session.evse_id) not in places:
            problems.append(f"sessions[{number}]: there is no EVSE {session.station_id}*{session.evse_id}")
    for number, fault in enumerate(scenario.faults):
        if fault.station_id not in ids:
            problems.append(f"faults[{number}]: there is no station {fault.station_id!r}")
        elif fault.evse_id is not None and (fault.station_id, fault.evse_id) not in places:
            problems.append(f"faults[{number}]: there is no EVSE {fault.station_id}*{fault.evse_id}")
    return problems


def read_passwords(path: Path) -> dict[str, str]:
    """Station passwords from a TOML file (`CP01 = "…"`) or lines `CP01 …`. Raises BadText."""
    try:
        text = path.read_text()
    except OSError as error:
        raise BadText(f"cannot read {path}: {error.strerror}") from error
    try:
        found: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
        if bad := [number for number, parts in enumerate(lines, start=1) if len(parts) != 2]:
            raise BadText(f"{path}: entry {bad[0]} is not `ID PASSWORD`") from None
        return {station_id: password.strip() for station_id, password in lines}
    if bad_ids := [key for key, value in found.items() if not isinstance(value, str)]:
        raise BadText(f"{path}: the password of {bad_ids[0]} is not text")
    return found
