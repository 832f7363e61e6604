"""Reads the frame log from its files, decoded: also while the agent writes them, and after a crash."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from edge.chargers.frame_segments import FROM_STATION, GAP, Segment, members, segments

PAIRED_WITHIN_MS: Final = 10 * 60 * 1000
"""An answer is read together with its call, which may stand so long before the time that was asked for."""
CALLS_REMEMBERED: Final = 64
"""Of each station: how many calls wait for their answers."""
_FOR_EVER: Final = 2**63
_KINDS: Final = ("CALL", "CALLRESULT", "CALLERROR", "CALLRESULTERROR", "SEND")
"""By the message type, from 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which frames are asked for; None for no limit. `since` and `until` are aware, `until` is left out itself."""

    station_id: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedFrame:
    """One frame. `direction` is as the site sees it; `action` of an answer that of its call, None where that is not
    there. `kind` UNREADABLE has its bytes as `text`, GAP says that `missing` frames were left out there."""

    at: datetime
    station_id: str
    direction: str
    kind: str
    message_id: str | None = None
    action: str | None = None
    payload: Any = None
    error_code: str | None = None
    error_description: str | None = None
    text: str | None = None
    missing: int | None = None

    def as_json(self) -> dict[str, Any]:
        """One line of an export: what the frame has, and nothing else."""
        at = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        rest = {name: getattr(self, name) for name in self.__slots__ if name != "at"}
        return {"at": at, **{name: value for name, value in rest.items() if value is not None and value != ""}}


@dataclass(slots=True)
class FrameReader:
    """`more` gives the frames that were written since it was asked last, oldest first."""

    folder: Path
    wanted: Wanted
    torn: dict[Path, int] = field(default_factory=dict)
    """How often something in a segment was no whole member: after a crash, or while it is being written."""
    _places: dict[Path, int] = field(default_factory=dict)
    _calls: dict[tuple[str, bool], OrderedDict[str, str]] = field(default_factory=dict)

    def more(self) -> Iterator[LoggedFrame]:
        """Raises OSError where the files cannot be read; there is nothing where nothing was logged yet."""
        if not self.folder.is_dir():
            return
        found = segments(self.folder)
        for segment, following in zip(found, [*found[1:], None], strict=False):
            if self._may_have_wanted(segment, following):
                yield from self._of_segment(segment, is_last=following is None)

    def _may_have_wanted(self, segment: Segment, following: Segment | None) -> bool:
        since, until = self.wanted.since, self.wanted.until
        if until is not None and segment.begins_ms > _ms(until):
            return False
        return since is None or following is None or following.begins_ms >= _ms(since) - PAIRED_WITHIN_MS

    def _of_segment(self, segment: Segment, *, is_last: bool) -> Iterator[LoggedFrame]:
        place = self._places.get(segment.path, 0)
        try:
            with segment.path.open("rb") as file:
                file.seek(place)
                data = file.read()
        except FileNotFoundError:
            return  # dropped for its age just now
        for end, text in members(data):
            if text is None:
                self.torn[segment.path] = self.torn.get(segment.path, 0) + 1
                if is_last and end == len(data):
                    return  # it may become whole
            else:
                yield from self._of_member(text)
            self._places[segment.path] = place + end

    def _of_member(self, text: bytes) -> Iterator[LoggedFrame]:
        wanted = self.wanted
        station = None if wanted.station_id is None else wanted.station_id.encode()
        since_ms = 0 if wanted.since is None else _ms(wanted.since)
        until_ms = _FOR_EVER if wanted.until is None else _ms(wanted.until)
        for line in text.splitlines():
            at, said_by, direction, raw = line.split(b"\t", 3)
            is_gap = direction == GAP  # it may concern any station
            if station not in (None, said_by) and not is_gap:
                continue
            at_ms = int(at)
            if since_ms - PAIRED_WITHIN_MS <= at_ms < until_ms:
                frame = self._decoded(at_ms, said_by.decode(), direction, raw)
                if at_ms >= since_ms and (is_gap or wanted.action in (None, frame.action)):
                    yield frame

    def _decoded(self, at_ms: int, station_id: str, direction: bytes, raw: bytes) -> LoggedFrame:
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        if direction == GAP:
            return LoggedFrame(at=at, station_id="", direction="", kind="GAP", missing=int(raw))
        is_in = direction == FROM_STATION
        way = "in" if is_in else "out"
        try:
            frame = orjson.loads(raw)
        except orjson.JSONDecodeError:
            frame = None
        match frame:
            case [2 | 6 as kind, str() as message_id, str() as action, payload]:
                if kind == 2:
                    self._remember(station_id, is_in, message_id, action)
                told: dict[str, Any] = {"message_id": message_id, "action": action, "payload": payload}
            case [3 as kind, str() as message_id, payload]:
                action_asked = self._asked(station_id, not is_in, message_id)
                told = {"message_id": message_id, "action": action_asked, "payload": payload}
            case [4 | 5 as kind, str() as message_id, str() as code, *rest]:
                action_asked = self._asked(station_id, not is_in, message_id)
                description, details = (*rest, None, None)[:2]
                told = {"message_id": message_id, "action": action_asked, "error_code": code}
                told |= {"error_description": description, "payload": details or None}
            case _:
                text = raw.decode(errors="backslashreplace")
                return LoggedFrame(at=at, station_id=station_id, direction=way, kind="UNREADABLE", text=text)
        return LoggedFrame(at=at, station_id=station_id, direction=way, kind=_KINDS[kind - 2], **told)

    def _remember(self, station_id: str, is_in: bool, message_id: str, action: str) -> None:
        calls = self._calls.setdefault((station_id, is_in), OrderedDict())
        calls[message_id] = action
        calls.move_to_end(message_id)
        if len(calls) > CALLS_REMEMBERED:
            calls.popitem(last=False)

    def _asked(self, station_id: str, is_in: bool, message_id: str) -> str | None:
        """The action of the call that is answered."""
        calls = self._calls.get((station_id, is_in))
        return calls.get(message_id) if calls is not None else None


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
