"""Kits and servers for the tests of the Python SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from mission_runner import Names
from roomkit_alias import install
from server_process import ServerProcess

import roomd
from roomd import RoomKit

install()


@pytest.fixture
async def kit() -> AsyncIterator[RoomKit]:
    """A kit with a server in this process."""
    async with RoomKit() as made:
        yield made


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    """What an example finds: the public names, and a kit."""
    first = RoomKit()
    found: Names = {name: getattr(roomd, name) for name in roomd.__all__}
    found["kit"] = first
    yield found
    kits = {id(one): one for one in (first, *found.values()) if isinstance(one, RoomKit)}
    for one in kits.values():
        await one.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server in a process of its own, on a file."""
    process = ServerProcess(tmp_path)
    process.start()
    yield process
    process.kill()
