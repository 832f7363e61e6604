"""`[standby]` in the settings, and the commands of a second box where its agent does not run, and where it follows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.config import load
from edge.places import pair_path, standby_status_path
from edge.standby_parts import holder_of, pair_problems, pair_settings, witness_of
from tests.edge.command_line import called
from tests.edge.test_config import GOOD, problems, written
from tests.edge.test_main import edge

STANDBY = """
[standby]
is_first = true
peer = "10.0.0.3:9003"
certificate_file = "standby.pem"
key_file = "standby.key"
peer_certificate_file = "standby.pem"
address = "10.0.0.10/24"
interface = "eth0"
witness = "10.0.0.1"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path, GOOD + STANDBY)


def test_what_is_set_is_what_the_boxes_go_by(tmp_path: Path) -> None:
    read = load(written(tmp_path, GOOD + STANDBY.replace('"10.0.0.1"', '"10.0.0.1:443"')))
    assert read.standby is not None
    pair = pair_settings(read, read.standby)
    assert (pair.other_host, pair.other_port, pair.wait_s, pair.dead_after_s) == ("10.0.0.3", 9003, 0.1, 10)
    assert pair.fence_after_s == 5
    assert pair.certificate_file == tmp_path / "standby.pem"
    up, down = holder_of(read, read.standby)._address.commands()
    assert up == ("ip", "address", "replace", "10.0.0.10/24", "dev", "eth0")
    assert down == ("ip", "address", "delete", "10.0.0.10/24", "dev", "eth0")
    witness = witness_of(read.standby)
    assert (witness.host, witness.port) == ("10.0.0.1", 443)


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('interface = "eth0"', 'interface = "eth0"\naddress_up = ["a"]\naddress_down = ["b"]', "are alternatives"),
        ('interface = "eth0"', 'address_up = ["a"]', "belong together"),
        ('"10.0.0.3:9003"', '"10.0.0.3"', "standby.peer"),
        ("10.0.0.10/24", "10.0.0.10/240", "standby.address"),
        ('witness = "10.0.0.1"', "", "standby.witness"),
        ("is_first = true", "is_first = true\ndead_after_s = 1", "standby.dead_after_s"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, before: str, after: str, problem: str) -> None:
    assert problem in "\n".join(problems(tmp_path, GOOD + STANDBY.replace(before, after)))


def test_check_looks_at_the_certificates(config: Path) -> None:
    bad = edge(config, "check")
    assert bad.returncode == 2
    assert "[standby] the certificates" in bad.stderr
    assert "keep it here" in called("standby", "certificate", str(config.parent)).stdout
    assert edge(config, "check").returncode == 0
    again = called("standby", "certificate", str(config.parent))
    assert "is there already" in again.stderr


def test_several_agents_on_a_node_have_no_second_box(tmp_path: Path) -> None:
    peers = '\n[[peers]]\nedge_id = "b"\nurl = "ws://127.0.0.1:9011/"\ntoken_file = "t"\n'
    found = pair_problems(load(written(tmp_path, GOOD + STANDBY + peers)))
    assert any("exclude each other" in each for each in found)


def test_status_says_what_the_box_does(config: Path) -> None:
    assert "does not run" in edge(config, "standby", "status").stderr
    settings = load(config)
    settings.data_dir.mkdir(exist_ok=True)
    found = {"at": "2026-03-02T06:00:00+00:00", "role": "following", "term": 3, "in_step": False, "has_copy": True}
    found |= {"heard_s_ago": 4.2, "why_not": "the witness cannot be reached"}
    standby_status_path(settings).write_text(json.dumps(found))
    shown = edge(config, "standby", "status").stdout
    assert "This box follows (term 3); it is behind." in shown
    assert "the witness cannot be reached" in shown
    assert json.loads(edge(config, "standby", "status", "--json").stdout) == found
    standby_status_path(settings).write_text(json.dumps(found | {"role": "serving", "why_not": "it is away"}))
    assert "it is alone: it is away" in edge(config, "standby", "status").stdout
    asked = settings.data_dir / "standby" / "take-over"
    assert "asked" in edge(config, "standby", "take-over", "--force").stdout
    assert json.loads(asked.read_text()) == {"take_over": "force"}


def test_a_site_of_one_box_says_so(tmp_path: Path) -> None:
    assert "no [standby]" in edge(written(tmp_path, GOOD), "standby", "status").stderr


def test_nothing_is_changed_alone_at_one_of_two_boxes_that_have_run(config: Path) -> None:
    """The other may serve by now."""
    tokens = config.parent / "tokens.csv"
    tokens.write_text("uid,contract_id\nA,C\n")
    assert "1 tokens imported" in edge(config, "tokens", "import", str(tokens)).stdout
    pair_path(load(config)).write_text('{"is_active": true, "term": 0}')
    refused = edge(config, "tokens", "import", str(tokens))
    assert refused.returncode == 1
    assert "where the agent serves" in refused.stderr
