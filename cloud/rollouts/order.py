"""What is asked of a rollout: what is done, to which targets, in which stages, and when it stops by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, JsonValue, model_validator

from cloud.rest.fields import EvseNumber, GivenName, Name
from protocols.charger.commands import AnyOperation
from protocols.charger.jobs import MAX_STATIONS, AnyJob, Pattern

MAX_TARGETS: Final = 100_000
MAX_NAMED: Final = 10_000
MAX_STAGES: Final = 20
EXAMPLE: Final[dict[str, JsonValue]] = {
    "name": "V2 to 1.3",
    "what": {"kind": "job", "job": {"job": "update_firmware", "file_id": "9f86d081884c7d65"}},
    "to": {"model": "V2", "firmware": "1.2*"},
    "first": ["CP-1"],
    "stages": [{"count": 1, "wait_s": 3600}, {"percent": 10, "wait_s": 3600}, {"percent": 100}],
    "stop": {"max_failure_percent": 5},
    "window": {"start": "01:00", "end": "05:00"},
}


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Operation(_Asked):
    """What `POST /v1/charging-stations/{id}/commands` takes."""

    kind: Literal["operation"]
    operation: AnyOperation


class Call(_Asked):
    """A call of OCPP as it is. Needs the scope admin."""

    kind: Literal["call"]
    action: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,64}$")]
    payload: dict[str, Any]


class RemoteStarts(_Asked):
    """Start a transaction for a token, at the same EVSE of each station."""

    kind: Literal["remote_start"]
    evse_id: EvseNumber
    token_uid: GivenName


class RemoteStops(_Asked):
    """Stop every transaction that runs at the stations as the rollout begins."""

    kind: Literal["remote_stop"]


class StationJob(_Asked):
    """A job of the edges, one for the stations that each has in a stage. `at_once` of the rollout is each job's."""

    kind: Literal["job"]
    job: AnyJob
    give_up_after_s: Annotated[int, Field(ge=60, le=90 * 86_400)] | None = None


class Tariffs(_Asked):
    """New or changed tariffs of the hub. Edge after edge prices by them; when all have them they are `/v1/tariffs`."""

    kind: Literal["tariffs"]
    tariffs: Annotated[
        tuple[dict[str, Any], ...], Field(min_length=1, max_length=200, description="As `POST /v1/tariffs` takes them.")
    ]


What = Annotated[Operation | Call | RemoteStarts | RemoteStops | StationJob | Tariffs, Discriminator("kind")]


class Targets(_Asked):
    """All that is given must hold. Patterns, with * and ?, are of what a station told when it booted."""

    station_ids: Annotated[tuple[GivenName, ...], Field(max_length=MAX_NAMED)] = ()
    edge_ids: Annotated[tuple[GivenName, ...], Field(max_length=MAX_NAMED)] = ()
    location_ids: Annotated[tuple[GivenName, ...], Field(max_length=MAX_NAMED)] = ()
    vendor: Pattern | None = None
    model: Pattern | None = None
    firmware: Pattern | None = None

    @property
    def is_empty(self) -> bool:
        return self == Targets()


class Stage(_Asked):
    """How far the rollout goes with this stage, all before it included: so many targets, or so many in a hundred."""

    count: Annotated[int, Field(ge=1, le=MAX_TARGETS)] | None = None
    percent: Annotated[float, Field(gt=0, le=100)] | None = None
    wait_s: Annotated[
        int, Field(ge=0, le=30 * 86_400, description="Seconds of site time from its end to the next stage.")
    ] = 0

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.count is None) == (self.percent is None):
            raise ValueError("a stage has either count or percent")
        return self


class StopRule(_Asked):
    """The rollout stops when more than so many targets of a stage have failed or expired. Either is enough."""

    max_failures: Annotated[int, Field(ge=0, le=MAX_TARGETS)] | None = None
    max_failure_percent: Annotated[float, Field(ge=0, le=100)] | None = None

    def is_broken(self, failures: int, targets: int) -> bool:
        """By so many failures among the targets of a stage."""
        by_count = self.max_failures is not None and failures > self.max_failures
        by_share = self.max_failure_percent is not None and failures * 100 > self.max_failure_percent * targets
        return by_count or by_share


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error
    return name


class Window(_Asked):
    """Only between these hours, in the time zone of each target's location, or in `time_zone`. It may span midnight."""

    start: time
    end: time
    time_zone: Annotated[Name, AfterValidator(_known_zone)] | None = None

    @model_validator(mode="after")
    def _is_a_window(self) -> Self:
        if self.start == self.end or self.start.tzinfo or self.end.tzinfo:
            raise ValueError("start and end are two local times of the day")
        return self

    def end_of(self, now: datetime, zone: str) -> datetime | None:
        """When the window that is open now ends, in UTC; None while it is closed."""
        local = now.astimezone(ZoneInfo(self.time_zone or zone))
        at = local.time()
        is_open = self.start <= at < self.end if self.start < self.end else at >= self.start or at < self.end
        if not is_open:
            return None
        day = local.date() if at < self.end else local.date() + timedelta(days=1)
        return datetime.combine(day, self.end, local.tzinfo).astimezone(UTC)


class RolloutOrder(_Asked):
    """A rollout. Without `stages` it is one, of all targets. Without `stop`, a rollout of several stages stops at the
    first failure, and one of a single stage goes through."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [EXAMPLE]})

    name: Annotated[Name, Field(description="For people.")] = ""
    what: What
    to: Targets = Targets()
    first: Annotated[
        tuple[GivenName, ...],
        Field(max_length=MAX_NAMED, description="Targets that go first, in this order: stations, or edges of tariffs."),
    ] = ()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=MAX_STAGES)] = (Stage(percent=100),)
    stop: StopRule | None = None
    at_once: Annotated[
        int,
        Field(ge=1, le=MAX_STATIONS, description="The most targets that are at it at a time; of a job, at each edge."),
    ] = 100
    expires_in_s: Annotated[
        int,
        Field(ge=1, le=7 * 86_400, description="Seconds of site time that each target has; never executed later."),
    ] = 600
    window: Window | None = None

    @model_validator(mode="after")
    def _leads_to_all(self) -> Self:
        if self.stages[-1].percent != 100:
            raise ValueError("the last stage must be of 100 percent")
        return self

    @property
    def stop_rule(self) -> StopRule:
        return self.stop or (StopRule(max_failures=0) if len(self.stages) > 1 else StopRule())


def stages_of(stages: Sequence[Stage], targets: int) -> list[int]:
    """The stage of each of so many targets, in their order."""
    found: list[int] = []
    for number, stage in enumerate(stages):
        upto = stage.count if stage.count is not None else math.ceil(targets * (stage.percent or 0) / 100)
        found += [number] * (min(upto, targets) - len(found))
    return found
