"""The table of OCPP messages is true: nothing of the standard is missing from it, nothing in it is invented."""

from __future__ import annotations

import pytest

from docs.ocpp_coverage import Row, contradictions, coverage, unaccounted
from protocols.ocpp.version import Version

CERTIFIED = (Version.V16, Version.V201)
"""The versions that have certification cases; 2.1 is made of 2.0.1's blocks."""


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return coverage()


def test_every_message_of_the_standard_is_supported_or_left_out_for_a_reason(rows: list[Row]) -> None:
    assert unaccounted(rows) == []


def test_nothing_is_left_out_that_is_supported(rows: list[Row]) -> None:
    assert contradictions(rows) == []


def test_every_supported_message_has_a_golden_frame(rows: list[Row]) -> None:
    supported = [row for row in rows if row.is_supported]
    assert [f"{row.version} {row.action}, {row.direction}" for row in supported if not row.goldens] == []


def test_every_supported_message_means_something_in_a_playbook_or_a_certification_case(rows: list[Row]) -> None:
    supported = [row for row in rows if row.is_supported and row.version in CERTIFIED]
    assert [f"{row.version} {row.action}, {row.direction}" for row in supported if not row.played] == []


def test_the_checks_find_what_is_wrong(rows: list[Row]) -> None:
    """A table without Reset, and one in which only half of DataTransfer is left, are no good."""
    without = [row for row in rows if (row.version, row.action) != (Version.V16, "Reset")]
    assert unaccounted(without) == ["OCPP 1.6 Reset: neither supported nor left out for a reason"]
    halved = [
        row for row in rows if (row.version, row.action, row.direction) != ("2.1", "DataTransfer", "site to station")
    ]
    assert unaccounted(halved) == ["OCPP 2.1 DataTransfer: neither supported nor left out for a reason"]
