"""`ohmstead-edge profile list` and `check`, as somebody types them."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from edge.main import app
from protocols.modbus.catalogue import profile_ids, text_of

RUNNER = CliRunner()


def test_all_profiles_are_listed() -> None:
    result = RUNNER.invoke(app, ["profile", "list"])
    assert result.exit_code == 0
    assert all(profile_id in result.stdout for profile_id in profile_ids())
    assert result.stdout.count("no hardware yet") == len(profile_ids())


def test_a_good_profile_is_good(tmp_path: Path) -> None:
    file = tmp_path / "keba_p30_p40.toml"
    file.write_text(text_of("keba_p30_p40"), encoding="utf-8")
    result = RUNNER.invoke(app, ["profile", "check", str(file)])
    assert result.exit_code == 0
    assert "good. 25 registers; the fast ones of an EVSE take 9 requests." in result.stdout
    assert "Variants: p40_before_1_2_1, p40." in result.stdout


def test_every_problem_is_named_with_its_line_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "alfen_eve.toml"
    text = text_of("alfen_eve")
    for old, new in (
        ('kind = "charger"', 'kind = "kettle"'),
        ('register = "safe_current"', 'register = "save_current"'),
        ("address = 1210", "address = 121000"),
        ('register = "phases"', 'register = "number_of_sockets"'),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text, encoding="utf-8")
    lines = text.splitlines()

    def at(word: str) -> int:
        return next(number for number, line in enumerate(lines, 1) if word in line)

    result = RUNNER.invoke(app, ["profile", "check", str(file)])
    assert result.exit_code == 2
    told = result.stderr.splitlines()
    assert [line.split(": ")[:2] for line in told[:-1]] == [
        [f"{file}:{at('kettle')}", "kind"],
        [f"{file}:{at('[phase_switch]') + 1}", "phase_switch.register"],
        [f"{file}:{at('save_current')}", "fail_safe.register"],
        [f"{file}:{at('121000')}", "registers.set_current.address"],
    ]
    assert "there is no register 'save_current'" in told[2]
    assert told[-1] == f"4 problems in {file}"


def test_a_file_that_is_no_profile(tmp_path: Path) -> None:
    broken, misnamed, missing = tmp_path / "a.toml", tmp_path / "b.toml", tmp_path / "c.toml"
    broken.write_text("id = \n", encoding="utf-8")
    misnamed.write_text(text_of("abb_b23"), encoding="utf-8")
    for file, why in ((broken, "is not TOML"), (misnamed, "abb_b23.toml"), (missing, "No such file")):
        result = RUNNER.invoke(app, ["profile", "check", str(file)])
        assert result.exit_code == 2
        assert why in result.stderr
