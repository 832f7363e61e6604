"""The site's address: taken, announced, found at another box, and let go of however the agent ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.standby.address import Address, AddressError, Holder
from edge.standby.witness import Witness
from tests.kit import free_port, has_namespaces, wait_until


def commands(folder: Path) -> Address:
    up = ("touch", str(folder / "here"))
    return Address(host="127.0.0.1", prefix_length=8, port=free_port(), up=up, down=("rm", str(folder / "here")))


async def test_an_operators_commands_bring_the_address_and_let_go_of_it(tmp_path: Path) -> None:
    holder = Holder(commands(tmp_path))
    await holder.take()
    assert (tmp_path / "here").exists()
    await holder.let_go()
    assert not (tmp_path / "here").exists()
    await holder.let_go()


async def test_an_address_that_cannot_be_taken_is_said_with_the_reason() -> None:
    holder = Holder(Address(host="127.0.0.1", prefix_length=8, port=1, up=("ls", "/nowhere"), down=("true",)))
    with pytest.raises(AddressError, match=r"`ls /nowhere` failed: .*nowhere"):
        await holder.take()
    await holder.let_go()
    missing = Holder(Address(host="127.0.0.1", prefix_length=8, port=1, up=("/no/such",), down=("true",)))
    with pytest.raises(AddressError, match="cannot be run"):
        await missing.take()
    await missing.let_go()


async def test_one_without_interface_and_commands_stays_where_it_is() -> None:
    holder = Holder(Address(host="127.0.0.1", prefix_length=8, port=1))
    await holder.take()
    await holder.let_go()


async def test_an_agent_that_is_killed_lets_go_of_the_address(tmp_path: Path) -> None:
    """Its child does, which hears no signal of the terminal or the supervisor."""
    address = commands(tmp_path)
    script = (
        "import asyncio\nfrom edge.standby.address import Address, Holder\n"
        f"address = Address(host='127.0.0.1', prefix_length=8, port=1, up={address.up!r}, down={address.down!r})\n"
        "holder = Holder(address)\n"
        "asyncio.run(holder.take())\nprint('taken', holder._guard.pid, flush=True)\nimport time\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        guard = next(int(line.split()[1]) for line in agent.stdout if line.startswith("taken"))
        assert (tmp_path / "here").exists()
        await wait_until(lambda: ignores_term(guard))
        os.kill(guard, signal.SIGTERM)
        agent.kill()
    await wait_until(lambda: not (tmp_path / "here").exists())


def ignores_term(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    ignored = next(line for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(ignored.split()[1], 16) & 1 << (signal.SIGTERM - 1))


async def test_whoever_answers_on_the_port_has_the_address() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    holder = Holder(Address(host="127.0.0.1", prefix_length=8, port=port))
    assert await holder.is_held()
    server.close()
    await server.wait_closed()
    assert not await holder.is_held()


async def test_a_witness_is_there_when_it_answers_or_refuses() -> None:
    assert await Witness(host="127.0.0.1", port=free_port()).is_there()
    assert not await Witness(host="127.0.0.1.invalid", port=1).is_there()


@pytest.mark.skipif(os.geteuid() != 0, reason="an echo may be asked for by root, or where the system allows it")
async def test_a_witness_echoes() -> None:
    assert await Witness(host="127.0.0.1").is_there()
    assert not await Witness(host="no.such.host.invalid").is_there()


WIRE = """
set -e
mount --make-rprivate /
unshare --net sleep 60 &
OTHER=$!
trap "kill $OTHER" EXIT
HERE="$(readlink /proc/self/ns/net)"
for n in $(seq 100); do [ "$(readlink /proc/$OTHER/ns/net)" != "$HERE" ] && break; sleep 0.02; done
ip link add mine type veth peer name eth0 netns $OTHER
ip link set mine up
ip address add 10.98.0.1/24 dev mine
nsenter --net=/proc/$OTHER/ns/net ip link set eth0 up
nsenter --net=/proc/$OTHER/ns/net ip address add 10.98.0.2/24 dev eth0
"$1" -c "
from edge.standby.address import announce, is_answered
import subprocess, time
for _ in range(100):
    if is_answered('mine', '10.98.0.2'): break
    time.sleep(0.05)
assert is_answered('mine', '10.98.0.2')
assert not is_answered('mine', '10.98.0.3')
assert not is_answered('mine', '10.98.0.1'), 'this box itself does not answer its own question'
there = ['nsenter', '--net=/proc/$OTHER/ns/net', 'ip', 'neigh']
before = ['replace', '10.98.0.9', 'lladdr', '02:00:00:00:00:01', 'dev', 'eth0', 'nud', 'stale']
subprocess.run([*there, *before], check=True)
announce('mine', '10.98.0.9')
shown = subprocess.run([*there], capture_output=True, text=True, check=True).stdout
assert '10.98.0.9' in shown and '02:00:00:00:00:01' not in shown, shown
print('as it should be')
"
"""


@pytest.mark.skipif(not has_namespaces(), reason="needs root and network namespaces")
def test_an_address_is_found_and_announced_on_a_wire() -> None:
    """In network namespaces of their own: whoever had it in mind at another box hears where it is now."""
    done = subprocess.run(
        ["unshare", "--net", "--mount", "bash", "-c", WIRE, "wire", sys.executable],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "as it should be" in done.stdout, done.stderr
