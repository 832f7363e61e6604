"""The table of OCPP messages is true: nothing of the standard is missing from it, nothing in it is invented."""

from __future__ import annotations

from docs.ocpp_coverage import contradictions, coverage, unaccounted
from protocols.ocpp.version import Version


def test_every_message_of_the_standard_is_supported_or_left_out_for_a_reason() -> None:
    assert unaccounted() == []


def test_nothing_is_left_out_that_is_supported() -> None:
    assert contradictions() == []


def test_every_supported_message_has_a_golden_frame() -> None:
    assert [
        f"{row.version} {row.action}, {row.direction}" for row in coverage() if row.is_supported and not row.goldens
    ] == []


def test_every_supported_message_of_1_6_means_something_in_a_playbook_or_a_certification_case() -> None:
    rows = [row for row in coverage() if row.is_supported and row.version is Version.V16]
    assert [f"{row.action}, {row.direction}" for row in rows if not row.played] == []
