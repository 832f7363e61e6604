"""Settings: every problem at once, and who overrides whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud import config
from protocols.errors import BadText

GOOD = """
data_dir = "/var/lib/ohmstead"
timeline = "2026-03-02T06:00:00Z@1772000000.0x60"
[mqtt]
host = "broker"
password = "secret"
[http]
port = 0
"""


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(config.TIMELINE_VARIABLE, raising=False)


def written(folder: Path, text: str) -> Path:
    file = folder / "hub.toml"
    file.write_text(text)
    return file


def test_a_file_is_overridden_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OHMSTEAD_CLOUD_MQTT_HOST", "elsewhere")
    monkeypatch.setenv("OHMSTEAD_CLOUD_MQTT_CLIENT_ID", "hub-2")
    monkeypatch.setenv(config.TIMELINE_VARIABLE, "2026-03-02T06:00:00Z@1772000000.0x2")
    settings = config.load(written(tmp_path, GOOD))
    assert (settings.mqtt.host, settings.mqtt.client_id, settings.http.port) == ("elsewhere", "hub-2", 0)
    assert settings.timeline.speed == 2
    assert settings.store_url == "sqlite+aiosqlite:////var/lib/ohmstead/hub.db"
    assert "secret" not in repr(settings)
    monkeypatch.setenv("OHMSTEAD_CLOUD_TIMELINE", "2026-03-02T06:00:00Z@1772000000.0x3")
    assert config.load(None).timeline.speed == 3


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    bad = 'bogus = 1\ndatabase_url = "mysql://x"\ntimeline = "yesterday"\n[mqtt]\nport = 99999\nhots = "x"\n'
    with pytest.raises(BadText) as told:
        config.load(written(tmp_path, bad))
    for name in ("bogus", "database_url", "timeline", "mqtt.port", "mqtt.hots"):
        assert f"  {name}: " in str(told.value)


@pytest.mark.parametrize("text", ["[mqtt", "\x00", "mqtt = 1"])
def test_a_file_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadText):
        config.load(written(tmp_path, text))
    with pytest.raises(BadText, match=r"nowhere\.toml"):
        config.load(tmp_path / "nowhere.toml")


def test_every_setting_is_described() -> None:
    assert len(config.described()) >= 11
    for name, field in config.described():
        assert field.description, name


def test_one_broker_or_several(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text('[mqtt]\nhost = "a"\n')
    assert [(each.host, each.port) for each in config.load(file).mqtt.endpoints] == [("a", 1883)]
    file.write_text('[[mqtt.brokers]]\nhost = "a"\n[[mqtt.brokers]]\nhost = "b"\nport = 1884\nusername = "hub"\n')
    assert [(each.host, each.username) for each in config.load(file).mqtt.endpoints] == [("a", None), ("b", "hub")]
    file.write_text('[mqtt]\nhost = "a"\n[[mqtt.brokers]]\nhost = "b"\n')
    with pytest.raises(BadText, match="host belongs into each"):
        config.load(file)
    file.write_text('[[mqtt.brokers]]\nhost = "a"\n[[mqtt.brokers]]\nhost = "a"\n')
    with pytest.raises(BadText, match="twice"):
        config.load(file)
