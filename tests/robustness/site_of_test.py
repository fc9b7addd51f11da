"""Where a fault is tried: a server with its alterations, in this process or in one of its own,
and its store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil
from cluster import KEY, SERVER, Cluster
from precautions import ALTERATIONS

from roomd_server.wiring import start_embedded

ALTERED = str(Path(__file__).with_name("altered_server.py"))


class Running(NamedTuple):
    """A server that listens."""

    address: str
    key: str
    process: psutil.Process
    """This one, when the server is embedded."""

    def rss_kib(self) -> float:
        """Resident memory."""
        return float(self.process.memory_info().rss) / 1024

    def files(self) -> int:
        """Open files and sockets."""
        return int(self.process.num_fds())

    def cpu_seconds(self) -> float:
        """CPU time used so far, user and system."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@dataclass(frozen=True)
class Site:
    """A folder, what is altered, and where rooms are kept."""

    folder: Path
    without: tuple[str, ...] = ()
    """Precautions that are taken away."""
    database: str = ""
    """URL of a PostgreSQL database; empty: a SQLite file in the folder."""

    @property
    def store(self) -> str:
        """URL of the store."""
        return self.database or f"sqlite:///{self.folder / 'rooms.db'}"

    @asynccontextmanager
    async def embedded(self, *alterations: str, **options: object) -> AsyncIterator[Running]:
        """A server in this process: quick to start, for what needs no memory to be measured."""
        with ALTERATIONS.applied((*alterations, *self.without)):
            made = await start_embedded(options={"store": self.store, **options})
            try:
                yield Running(made.address, made.key, psutil.Process())
            finally:
                await made.stop()

    @asynccontextmanager
    async def apart(
        self, *alterations: str, options: tuple[str, ...] = ()
    ) -> AsyncIterator[Running]:
        """A server in a process of its own."""
        names = (*alterations, *self.without)
        program = (ALTERED, ",".join(names)) if names else SERVER
        cluster = Cluster(self.store, program, options)
        await cluster.start()
        try:
            yield Running(cluster.address, KEY, psutil.Process(cluster.pid))
        finally:
            await cluster.kill()
