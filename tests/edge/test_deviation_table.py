"""The table of deviations: the worst first, and nothing a station says can draw on the screen."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from edge.deviation_table import deviation_table


def row(**more: Any) -> dict[str, Any]:
    usual = {
        "vendor": "V",
        "model": "M",
        "firmware_version": "1",
        "action": "MeterValues",
        "path": "/meterValue",
        "problem": "bad",
        "remedy": "left out",
        "count": 1,
        "first_at": "2026-03-02T06:00:00+00:00",
        "last_at": "2026-03-02T07:30:00+00:00",
        "station_id": "CS-1",
        "frame": None,
    }
    return {**usual, **more}


def shown(*rows: dict[str, Any]) -> str:
    console = Console(width=200, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(deviation_table(rows))
    return captured.get()


def test_the_most_frequent_of_a_model_comes_first() -> None:
    text = shown(row(path="/seldom"), row(path="/often", count=900), row(vendor="A", path="/other"))
    assert text.index("/other") < text.index("/often") < text.index("/seldom")
    assert "900" in text
    assert "2026-03-02 07:30" in text


def test_a_name_is_neither_markup_nor_an_escape() -> None:
    text = shown(row(model="[red]M[/red]\x1b[2J", vendor="", firmware_version=""))
    assert "[red]M[/red]?[2J" in text
    assert "\x1b" not in text
    assert "unknown" not in text
    assert "unknown" in shown(row(model="", vendor=""))
