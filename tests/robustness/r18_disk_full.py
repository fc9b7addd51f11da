"""R18: a disk that is full, and has space again."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from findings import Fault, Report
from site_of_test import Site
from world import World, reason_of, world_of

ROOM = "room"
LOST = "acknowledged messages that are lost"
REASONS = {"UNAVAILABLE STORE_READ_ONLY", "UNAVAILABLE STORE_DOWN"}
"""Those behind a failed write of their room are told the second."""
BODY = "x" * 2000


class NoMounts(Exception):
    """This machine does not let us mount a small disk."""


@dataclass(frozen=True)
class Size:
    """How much."""

    disk_kib: int
    ballast_kib: int
    """What is removed in each round to make space again."""
    rounds: int


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Path]:
    """A tmpfs of so many KiB.

    Raises:
        NoMounts: it cannot be mounted.
    """
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(disk)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoMounts(f"as user {os.geteuid()}: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


async def run(site: Site, size: Size) -> Report:
    """Fill the disk with messages, read, make space, go on; then look after a restart."""
    report = Report()
    with small_disk(site.folder, size.disk_kib) as disk:
        here = Site(disk, site.without)
        acknowledged: dict[str, int] = {}
        refused: Counter[str] = Counter()
        ballast = [disk / f"ballast-{number}" for number in range(size.rounds)]
        for one in ballast:
            one.write_bytes(b"\0" * size.ballast_kib * 1024)
        async with here.embedded() as running, world_of(running) as world:
            await world.settle_in(ROOM)
            for number in range(size.rounds):
                await fill(world, number, acknowledged, refused, size)
                reads = await reading(world)
                ballast[number].unlink()
                went_on = await goes_on(world, number, acknowledged)
                report.equal(f"round {number}: reads go on", reads, expected=True)
                report.equal(f"round {number}: writes go on with space", went_on, expected=True)
        async with here.embedded() as running, world_of(running) as world:
            events = await world.events(ROOM)
    stored = {one.event_id: one.index for one in events}
    lost = [one for one, index in acknowledged.items() if stored.get(one) != index]
    report.note("acknowledged", len(acknowledged))
    report.note("refused", dict(refused))
    report.equal("refusals for another reason than the store", set(refused) - REASONS, set())
    report.equal("the disk was full", sum(refused.values()) > 0, expected=True)
    report.equal(LOST, len(lost), 0)
    indexes = [one.index for one in events]
    report.equal("indexes without a gap", indexes == list(range(len(indexes))), expected=True)
    return report


async def say(world: World, key: str, acknowledged: dict[str, int]) -> str:
    """Send a message; why it was refused."""
    try:
        event = (await world.say(ROOM, f"{key} {BODY}", key)).event
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name} {reason_of(error)}"
    acknowledged[event.event_id] = event.index
    return ""


async def fill(
    world: World, number: int, acknowledged: dict[str, int], refused: Counter[str], size: Size
) -> None:
    """Send until nothing is taken any more, or more was taken than the disk can hold."""
    for batch in range(size.disk_kib * 1024 // (20 * len(BODY)) + 5):
        keys = [f"{number}/{batch}/{place}" for place in range(20)]
        said = await asyncio.gather(*(say(world, key, acknowledged) for key in keys))
        refused.update(why for why in said if why)
        if all(said):
            return


async def reading(world: World) -> bool:
    """Whether the room can be read while nothing can be written."""
    listed = await world.call("ListEvents", room_id=ROOM, page_size=10)
    got = await world.call("GetRoom", room_id=ROOM)
    return bool(listed.events) and got.room.room_id == ROOM


async def goes_on(world: World, number: int, acknowledged: dict[str, int]) -> bool:
    """Whether messages are taken again, soon."""
    for attempt in range(100):
        if not await say(world, f"{number}/again/{attempt}", acknowledged):
            return True
        await asyncio.sleep(0.05)
    return False


FAULT = Fault(
    "R18",
    "the disk is full",
    run,
    short=Size(disk_kib=3000, ballast_kib=1500, rounds=1),
    long=Size(disk_kib=64_000, ballast_kib=8000, rounds=5),
    without={"durable-acknowledgements": LOST},
)
