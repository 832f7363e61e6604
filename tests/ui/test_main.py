"""The command line says what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ui.main import command_line

SAMPLE = Path(__file__).parents[2] / "docs" / "pictures" / "bigscreen.json"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("secret-of-the-edge\n", "utf-8")
    return file


def refused(*arguments: str) -> str:
    """What it says when it does not start."""
    result = CliRunner().invoke(command_line(), list(arguments))
    assert result.exit_code == 2
    return " ".join(result.stderr.replace("│", " ").split())


def test_without_a_token_file_it_says_which_option() -> None:
    assert "--token-file" in refused("bigscreen")


def test_a_missing_token_file(tmp_path: Path) -> None:
    assert "is the edge running" in refused("bigscreen", "--token-file", str(tmp_path / "none"))


def test_an_empty_token_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert "holds no token" in refused("bigscreen", "--token-file", str(tmp_path / "empty"))


@pytest.mark.parametrize("edge", ["http://x", "127.0.0.1:9001", "ws://", "ws://x:99999", "ws://[x"])
def test_a_wrong_address(edge: str, token_file: Path) -> None:
    assert "ws://127.0.0.1:9001" in refused("bigscreen", "--edge", edge, "--token-file", str(token_file))


def test_without_a_terminal_it_says_so_and_no_token(token_file: Path) -> None:
    said = refused("bigscreen", "--token-file", str(token_file))
    assert "needs a terminal" in said
    assert "secret" not in said


def test_a_wrong_timeline(token_file: Path) -> None:
    assert "not a timeline" in refused("bigscreen", "--token-file", str(token_file), "--timeline", "fast")


def test_settings_come_from_the_environment(token_file: Path) -> None:
    result = CliRunner().invoke(
        command_line(), ["bigscreen"], env={"OHMSTEAD_UI_TOKEN_FILE": str(token_file), "OHMSTEAD_UI_EDGE": "nonsense"}
    )
    assert "nonsense" in result.stderr


def test_a_picture_is_written(tmp_path: Path) -> None:
    file = tmp_path / "x.svg"
    result = CliRunner().invoke(command_line(), ["picture", str(file), "--snapshot", str(SAMPLE), "--size", "80x24"])
    assert result.exit_code == 0, result.output
    assert file.read_text("utf-8").startswith("<svg")


def test_a_picture_needs_a_snapshot_and_a_size(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"kind": "answer", "id": "1"}', "utf-8")
    assert "expected a snapshot" in refused("picture", "x.svg", "--snapshot", str(tmp_path / "x.json"))
    (tmp_path / "y.json").write_text("{}", "utf-8")
    assert "is no snapshot" in refused("picture", "x.svg", "--snapshot", str(tmp_path / "y.json"))
    assert "cannot be read" in refused("picture", "x.svg", "--snapshot", str(tmp_path / "none.json"))
    assert "120x36" in refused("picture", "x.svg", "--snapshot", str(SAMPLE), "--size", "big")
    assert "cannot be written" in refused("picture", str(tmp_path / "no" / "x.svg"), "--snapshot", str(SAMPLE))


def test_it_loads_no_other_room() -> None:
    program = (
        "import sys, ui.main; rooms = {name.split('.')[0] for name in sys.modules};"
        "bad = rooms & {'edge', 'cloud', 'firmware_sim', 'fastapi', 'sqlalchemy', 'ocpp', 'pymodbus'};"
        "bad |= {name for name in sys.modules if name.startswith(('protocols.ocpp', 'protocols.modbus'))};"
        "sys.exit(','.join(sorted(bad)) or 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
