"""The disk of an agent is copied and both run: the clone is fenced, none of its entries passes for the original's."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo.servers import steady_port
from deploy.demo.site import Edge
from tests.journeys.fault_site import FaultSite, Load, a_fault_site, has_journaled
from tests.kit import wait_until

pytestmark = pytest.mark.timeout(300)  # on a machine with other work

IMAGE_BYTES = 160 << 20


async def test_an_image_of_the_whole_disk_is_fenced(tmp_path: Path) -> None:
    """The same file system twice, down to the inode: nothing on either disk says which is the copy."""
    image, disk = tmp_path / "disk.img", tmp_path / "edge"
    with contextlib.ExitStack() as disks:
        disks.enter_context(_formatted(image, disk))
        async with a_fault_site(tmp_path) as site:
            await site.more_at_hub(20)
            await site.edge.stop()
            _sync_and_copy(image, tmp_path / "clone.img", disk)
            disks.enter_context(_mounted(tmp_path / "clone.img", tmp_path / "clone"))
            await site.edge.start()
            await site.more_at_hub(20)  # whose entries come first goes on
            await site.load.leave()
            clone = _another(site.edge, tmp_path, tmp_path / "clone")
            await _both_run(site, clone)
            await site.heal_and_judge(has_dead=True)
            letters = await site.hub.client.all("edges/demo-site/dead-letters")
            assert any(each["stream"] == "money" for each in letters), "what the clone billed is seen"


async def test_a_copied_data_folder_goes_on_under_an_identity_of_its_own(tmp_path: Path) -> None:
    """A copy by cp or tar is another file: its epoch is new, and nothing of the original's is touched."""
    async with a_fault_site(tmp_path) as site:
        await site.more_at_hub(20)
        await site.edge.stop()
        shutil.copytree(site.edge.data, tmp_path / "clone")
        await site.edge.start()
        await site.more_at_hub(20)
        clone = _another(site.edge, tmp_path, tmp_path / "clone")
        await clone.start()
        await wait_until(lambda: has_journaled(clone.ledger, "ledger_copied"), 60)
        await clone.stop()
        await site.edge.kill()
        await site.edge.start()
        await site.heal_and_judge()


async def _both_run(site: FaultSite, clone: Edge) -> None:
    """Until the hub has seen that there are two, and the clone has heard that it is not the one."""
    load = Load(edge=clone, timeline=site.load.timeline)

    async def is_fenced() -> bool:
        return "edge_forked" in await site.hub_alarms() and has_journaled(clone.ledger, "ledger_forked")

    await clone.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            charging = tasks.create_task(load.run())
            await load.more(5)
            await wait_until(is_fenced, 60)
            charging.cancel()
    finally:
        await clone.kill()


def _another(edge: Edge, folder: Path, data: Path) -> Edge:
    """The same agent once more, on another disk and other ports."""
    config, ocpp_port, local_port = folder / "clone.toml", steady_port(), steady_port()
    text = edge.config.read_text(encoding="utf-8").replace('data_dir = "edge"', f'data_dir = "{data}"')
    config.write_text(text, encoding="utf-8")
    own = {"OHMSTEAD_EDGE_OCPP__PORT": str(ocpp_port), "OHMSTEAD_EDGE_LOCAL__PORT": str(local_port)}
    return Edge(
        name="clone",
        command=(*edge.command[:-1], str(config)),
        log=folder / "clone.log",
        environment={**edge.environment, **own},
        config=config,
        data=data,
        ocpp_port=ocpp_port,
        local_port=local_port,
    )


@contextlib.contextmanager
def _formatted(image: Path, at: Path) -> Iterator[None]:
    """A new file system. Skips where none can be made."""
    if shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.skip("no mkfs.ext4 on this machine")
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", "-E", "root_owner=0:0", image], check=True)
    with _mounted(image, at):
        yield


@contextlib.contextmanager
def _mounted(image: Path, at: Path) -> Iterator[None]:
    at.mkdir()
    done = subprocess.run(["mount", "-o", "loop", image, at], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", at], check=True)


def _sync_and_copy(image: Path, copy: Path, at: Path) -> None:
    """While nobody writes."""
    subprocess.run(["umount", at], check=True)
    shutil.copy(image, copy)
    subprocess.run(["mount", "-o", "loop", image, at], check=True)
