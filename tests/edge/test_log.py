"""Log lines: an event and key=value, at site time."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from edge import log
from protocols.sync.topics import Stream
from tests.edge.domain.site_kit import START


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_text_lines(capfd: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "text", lambda: START)
    structlog.get_logger().info("acked", stream=Stream.MONEY, seq=3)
    structlog.get_logger().debug("unseen")
    assert capfd.readouterr().err == "at='2026-03-02T08:00:00.000Z' level='info' event='acked' stream='money' seq=3\n"


def test_json_lines(capfd: pytest.CaptureFixture[str]) -> None:
    log.set_up("debug", "json", lambda: START)
    structlog.get_logger().debug("acked", seq=3)
    line = json.loads(capfd.readouterr().err)
    assert line == {"at": "2026-03-02T08:00:00.000Z", "level": "debug", "event": "acked", "seq": 3}
