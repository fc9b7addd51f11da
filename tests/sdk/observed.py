"""A server that is watched, and its page of metrics as numbers."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from roomd import RoomKit
from roomd_server.wiring import EmbeddedServer, start_embedded

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass
class Watched:
    """A server with a metrics page, and a kit on it."""

    embedded: EmbeddedServer
    kit: RoomKit

    async def scrape(self) -> Scrape:
        url = f"http://{self.embedded.server.metrics_address}/metrics"
        return Scrape(await asyncio.to_thread(read, url))


class Scrape:
    """The page at one moment."""

    def __init__(self, page: str) -> None:
        self.families = {one.name: one for one in text_string_to_metric_families(page)}
        self.samples: Samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """One number; 0 when nothing was counted yet."""
        return self.samples.get((name, tuple(sorted(labels.items()))), 0.0)


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())


@asynccontextmanager
async def watched(**options: object) -> AsyncIterator[Watched]:
    embedded = await start_embedded(None, {"metrics_address": "127.0.0.1:0", **options})
    try:
        async with RoomKit(embedded.address, api_key=embedded.key) as kit:
            yield Watched(embedded, kit)
    finally:
        await embedded.stop()
