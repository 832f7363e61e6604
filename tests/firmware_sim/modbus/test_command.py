"""The command line: what there is, what is served, and scripts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest
from pymodbus.client import AsyncModbusTcpClient
from typer.testing import CliRunner

from firmware_sim.main import app
from firmware_sim.modbus.command import introduction, perform
from firmware_sim.modbus.device import serving
from firmware_sim.modbus.misbehaviour import Kind
from firmware_sim.modbus.script import ACTIONS, Step, read_script
from protocols.errors import BadText
from protocols.modbus.catalogue import profile_ids
from protocols.modbus.profile import Transport


def test_list_names_every_profile() -> None:
    told = CliRunner().invoke(app, ["modbus", "list"])
    assert told.exit_code == 0
    assert [line.split()[0] for line in told.stdout.splitlines()] == list(profile_ids())


@pytest.mark.parametrize(
    "words",
    [["none"], ["alfen_eve", "--variant", "none"], ["alfen_eve", "--evses", "3"], ["em2go", "--script", "5 dance"]],
)
def test_what_cannot_be_served_is_told(words: list[str]) -> None:
    told = CliRunner().invoke(app, ["modbus", "serve", *words, "--port", "0"])
    assert told.exit_code == 2


async def test_serve_plays_its_script_until_it_is_ended() -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from firmware_sim.main import main; main()",
            *("modbus", "serve", "em2go", "--port", "0", "--plug", "--script", "0 fault 7"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        port = int(first.split(" at 127.0.0.1:")[1].split(",")[0])
        assert second == "0 fault 7\n"
        client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=2, retries=0)
        assert await client.connect()
        assert (await client.read_holding_registers(4, count=1, device_id=255)).registers == [7]
        client.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = CliRunner().invoke(app, ["modbus", "serve", "em2go", "--port", str(taken.getsockname()[1])])
    assert told.exit_code == 1


def test_a_script_is_read_in_the_order_of_its_times() -> None:
    steps = read_script("10 unplug\n5 card 04A1 2; 2.5 plug # comes\n\n# nothing\n7 misbehave silence 3 0.5\n")
    assert [(each.at_s, each.action, each.words) for each in steps] == [
        (2.5, "plug", ()),
        (5.0, "card", ("04A1", "2")),
        (7.0, "misbehave", ("silence", "3", "0.5")),
        (10.0, "unplug", ()),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "plug",
        "5",
        "-1 plug",
        "inf plug",
        "5 dance",
        "5 plug one",
        "5 card",
        "5 card xyz",
        "5 load 1 2",
        "5 misbehave badly",
        "5 misbehave late 1 soon",
        "5 reset all",
        "5 behave now",
    ],
)
def test_a_step_that_cannot_be_is_told(text: str) -> None:
    with pytest.raises(BadText):
        read_script(text)


async def test_every_action_can_be_done() -> None:
    words = {
        "card": ("04A1B2C3",),
        "fault": ("3",),
        "load": ("1", "2", "3"),
        "sun": ("100",),
        "misbehave": (Kind.SILENCE.value,),
        "reset": ("session",),
        "stick": ("energy_total",),
    }
    done = set()
    for profile_id in ("webasto_next", "janitza_umg", "sunspec_inverter"):
        async with serving(profile_id, transport=Transport.TCP) as device:
            assert profile_id in introduction(device)
            for action in ACTIONS:
                try:
                    perform(device, Step(at_s=0, action=action, words=words.get(action, ())))
                except TypeError:
                    continue  # of another kind of device
                done.add(action)
    assert done == set(ACTIONS)
