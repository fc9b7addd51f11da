"""R18: a disk that is full, and has space again.

On SQLite the disk of the file. On PostgreSQL either disk of the database: without space for what
is stored it refuses to write, without space for its write-ahead log it ends.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
from findings import Fault, Report
from site_of_test import Site
from world import World, reason_of, world_of

from postgres_cluster import Cluster

ROOM = "room"
LOST = "acknowledged messages that are lost"
REASONS = {"UNAVAILABLE STORE_READ_ONLY", "UNAVAILABLE STORE_DOWN"}
"""Those behind a failed write of their room are told the second."""
DOWN = "UNAVAILABLE STORE_DOWN"
BODY_BYTES = 2000
POSTGRES_KIB = 65_536
"""What an empty PostgreSQL takes, and more."""


class NoMounts(Exception):
    """This machine does not let us mount a small disk."""


@dataclass(frozen=True)
class Size:
    """How much."""

    disk_kib: int
    ballast_kib: int
    """What is removed in each round to make space again."""
    rounds: int
    most_kib: int
    """Of messages of a round: more than the disk can hold, or logs for."""


@contextmanager
def small_disk(kib: int) -> Iterator[Path]:
    """A tmpfs of so many KiB.

    Raises:
        NoMounts: it cannot be mounted.
    """
    with tempfile.TemporaryDirectory(prefix="roomd-disk-") as disk:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", disk]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoMounts(f"as user {os.geteuid()}: {done.stderr.strip()}")
        try:
            yield Path(disk)
        finally:
            subprocess.run(["umount", "-l", disk], check=True)


class Disk:
    """A small disk, and a store on it.

    Args:
        path: Where it is.
        site: What is altered.
        size: How much there is on it for messages and ballast.
        database: PostgreSQL that uses it; None: SQLite does.
    """

    def __init__(self, path: Path, site: Site, size: Size, database: Cluster | None) -> None:
        self.site = replace(site, folder=path, database=database.url() if database else "")
        self._database = database
        self._ballast = [path / f"ballast-{number}" for number in range(size.rounds)]
        if database is not None:
            database.start()
            taken = shutil.disk_usage(path).free // 1024 - size.disk_kib
            _write(path / "nothing-for-us", taken)
        for one in self._ballast:
            _write(one, size.ballast_kib)

    async def make_space(self, number: int) -> None:
        """Do what an operator does: remove something, and start a database that has ended."""
        self._ballast[number].unlink()
        if self._database is not None and not self._database.runs:
            await asyncio.to_thread(self._database.start)


def _write(path: Path, kib: int) -> None:
    path.write_bytes(b"\0" * kib * 1024)


@contextmanager
def stored_on_small_disk(site: Site, size: Size, *, wal: bool) -> Iterator[Disk]:
    """A small disk with the store of a site; with ``wal`` only the write-ahead log is there.

    Raises:
        NoMounts: there are none here.
    """
    if not site.database:
        with small_disk(size.disk_kib) as path:
            yield Disk(path, site, size, None)
        return
    with small_disk(size.disk_kib + POSTGRES_KIB) as path, small_disk(10 * POSTGRES_KIB) as large:
        data, log = (large, path) if wal else (path, large)
        database = Cluster(durable=True, data=data, wal=log)
        try:
            yield Disk(path, site, size, database)
        finally:
            database.remove()


async def run(site: Site, size: Size, *, wal: bool = False) -> Report:
    """Fill the disk with messages, read, make space, go on; then look after a restart."""
    report = Report()
    with stored_on_small_disk(site, size, wal=wal) as disk:
        acknowledged: dict[str, int] = {}
        refused: Counter[str] = Counter()
        async with disk.site.embedded() as running, world_of(running) as world:
            await world.settle_in(ROOM)
            for number in range(size.rounds):
                await fill(world, number, acknowledged, refused, size)
                read = await reading(world)
                await disk.make_space(number)
                went_on = await goes_on(world, number, acknowledged)
                report.equal(f"round {number}: reads", read, DOWN if wal else "go on")
                report.equal(f"round {number}: writes go on with space", went_on, expected=True)
        async with disk.site.embedded() as running, world_of(running) as world:
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


async def run_log(site: Site, size: Size) -> Report:
    """The same with the disk of the write-ahead log."""
    return await run(site, size, wal=True)


def body(key: str) -> str:
    """A text that nobody can compress."""
    return f"{key} {random.Random(key).randbytes(BODY_BYTES // 2).hex()}"


async def say(world: World, key: str, acknowledged: dict[str, int]) -> str:
    """Send a message; why it was refused."""
    try:
        event = (await world.say(ROOM, body(key), key)).event
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name} {reason_of(error)}"
    acknowledged[event.event_id] = event.index
    return ""


async def fill(
    world: World, number: int, acknowledged: dict[str, int], refused: Counter[str], size: Size
) -> None:
    """Send until nothing is taken any more, or more was taken than the disk can hold."""
    for batch in range(size.most_kib * 1024 // (20 * BODY_BYTES)):
        keys = [f"{number}/{batch}/{place}" for place in range(20)]
        said = await asyncio.gather(*(say(world, key, acknowledged) for key in keys))
        refused.update(why for why in said if why)
        if all(said):
            return


async def reading(world: World) -> str:
    """Whether the room can be read while nothing can be written, or why not."""
    try:
        listed = await world.call("ListEvents", room_id=ROOM, page_size=10)
        got = await world.call("GetRoom", room_id=ROOM)
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name} {reason_of(error)}"
    return "go on" if listed.events and got.room.room_id == ROOM else "nothing"


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
    short=Size(disk_kib=3000, ballast_kib=1500, rounds=1, most_kib=3500),
    long=Size(disk_kib=64_000, ballast_kib=8000, rounds=5, most_kib=72_000),
    without={"durable-acknowledgements": LOST},
)

FAULT_OF_LOG = Fault(
    "R18L",
    "the disk of PostgreSQL's write-ahead log is full",
    run_log,
    short=replace(FAULT.short, most_kib=8000),
    long=Size(disk_kib=16_000, ballast_kib=4000, rounds=3, most_kib=256_000),
    without=FAULT.without,
)
