"""What the hub knows from two kinds of sources: it is the hub's own, or kept by a site itself."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping

from cloud.rest.problems import Problem, not_found


def choose(rows: Sequence[RowMapping], noun: str, name: str) -> RowMapping:
    """The hub's own, or that of the only site that has one. Raises Problem 404, or 409 where several sites do."""
    own = [row for row in rows if row["source"] == "hub"] or list(rows)
    if not own:
        raise not_found(noun, name)
    if len(own) > 1:
        sites = ", ".join(sorted(row["edge_id"] for row in own))
        raise Problem(409, "several_sites", f"{sites} have a {noun} {name!r} each; name one of them by edge_id.")
    return own[0]


def expect_own(rows: Sequence[RowMapping], noun: str, name: str) -> RowMapping:
    """The hub's own. Raises Problem 404, or 409 where only sites know it."""
    for row in rows:
        if row["source"] == "hub":
            return row
    if rows:
        sites = ", ".join(sorted(row["edge_id"] for row in rows))
        raise Problem(409, f"{noun}_of_site", f"This {noun} is kept by {sites}; change it there, or create it here.")
    raise not_found(noun, name)
