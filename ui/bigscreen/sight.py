"""What the display knows: the last picture of the site, and whether it is still true. Pure; the client tells it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from protocols.site.view import Patch, Snapshot


class Trouble(StrEnum):
    """Why the display hears nothing."""

    UNREACHABLE = "unreachable"
    CLOSED = "closed"
    SILENT = "silent"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a name of a trouble, no token
    TOKEN_FILE = "token_file"  # noqa: S105
    REFUSED = "refused"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A picture came, or what changed in it."""

    message: Snapshot | Patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """From now on the picture is not to be trusted."""

    trouble: Trouble
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something came that cannot be read, or the edge refuses a request; the picture is as true as before."""

    detail: str


Report = Heard | Lost | Warned


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """`site` is the last picture, patched; only while `is_fresh` may it be shown as the present.

    `lost_at` is when the connection was lost (None before the first attempt ended, and while fresh).
    """

    site: Snapshot | None = None
    is_fresh: bool = False
    lost_at: datetime | None = None
    trouble: Trouble | None = None
    detail: str = ""
    warning: str = ""


def told(sight: Sight, report: Report, now: datetime) -> Sight:
    """The sight after a report that came at `now`. A patch without a picture to patch changes nothing."""
    match report:
        case Heard(message=message):
            if isinstance(message, Snapshot):
                return Sight(site=message, is_fresh=True)
            if sight.site is None or not sight.is_fresh:
                return sight
            return replace(sight, site=patched(sight.site, message))
        case Lost(trouble=trouble, detail=detail):
            return replace(
                sight,
                is_fresh=False,
                lost_at=sight.lost_at or now,
                trouble=trouble,
                detail=detail,
            )
        case Warned(detail=detail):
            return replace(sight, warning=detail)
        case _:
            assert_never(report)


def patched(site: Snapshot, patch: Patch) -> Snapshot:
    """The site with the patch's tiles in their places; a new EVSE is added at the end."""
    if not patch.evses:
        return replace(site, totals=patch.totals)
    changed = {(evse.station_id, evse.evse_id): evse for evse in patch.evses}
    kept = [changed.pop((evse.station_id, evse.evse_id), evse) for evse in site.evses]
    return replace(site, totals=patch.totals, evses=(*kept, *changed.values()))
