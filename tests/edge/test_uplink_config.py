"""The brokers in the settings: one, several, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config import load
from edge.uplink_config import UplinkSettings
from edge.uplink_parts import broker_problems
from tests.edge.test_config import GOOD, problems, written


def uplink(tmp_path: Path, text: str) -> UplinkSettings:
    chosen = load(written(tmp_path, GOOD + text)).uplink
    assert chosen is not None
    return chosen


def test_the_simple_form_is_a_list_of_one(tmp_path: Path) -> None:
    text = '[uplink]\nhost = "hub.example"\nport = 8883\ntls = true\nca_file = "pki/ca.pem"\nusername = "edge-1"\n'
    (only,) = uplink(tmp_path, text).endpoints
    assert (only.host, only.port, only.tls, only.username) == ("hub.example", 8883, True, "edge-1")
    assert only.ca_file == tmp_path / "pki/ca.pem"


def test_several_brokers_each_have_their_own(tmp_path: Path) -> None:
    text = (
        '[uplink]\nfailback_after_s = 60\n[[uplink.brokers]]\nhost = "a"\nusername = "x"\n'
        '[[uplink.brokers]]\nhost = "b"\nport = 8883\ntls = true\nserver_name = "b.example"\n'
    )
    chosen = uplink(tmp_path, text)
    assert [(each.host, each.port, each.username) for each in chosen.endpoints] == [("a", 1883, "x"), ("b", 8883, None)]
    assert chosen.failback_after_s == 60


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[uplink]\nkeepalive_s = 20\n", ": uplink: host is missing"),
        ('[uplink]\nhost = "a"\n[[uplink.brokers]]\nhost = "b"\n', ": uplink: host belongs into each of the brokers"),
        ('[uplink]\ntls = true\n[[uplink.brokers]]\nhost = "b"\n', ": uplink: tls belongs into each of the brokers"),
        ('[uplink]\nhost = "a"\nca_file = "ca.pem"\n', ": uplink: ca_file is for TLS only"),
        ('[uplink]\nhost = "a"\ntls = true\nkey_file = "k"\n', ": uplink: key_file needs a certificate_file"),
        ("[uplink]\n[[uplink.brokers]]\nport = 1\n", ": uplink.brokers[1].host: Field required"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, text: str, problem: str) -> None:
    assert any(problem in each for each in problems(tmp_path, GOOD + text))


def test_check_names_each_file_that_cannot_be_used(tmp_path: Path) -> None:
    text = (
        '[uplink]\n[[uplink.brokers]]\nhost = "a"\npassword_file = "none.txt"\n'
        '[[uplink.brokers]]\nhost = "b"\nport = 8883\ntls = true\nca_file = "none.pem"\n'
    )
    assert broker_problems(load(written(tmp_path, GOOD + text))) == [
        f"uplink broker a:1883: password_file {tmp_path}/none.txt cannot be read: No such file or directory",
        f"uplink broker b:8883: ca_file {tmp_path}/none.pem cannot be read: No such file or directory",
    ]
