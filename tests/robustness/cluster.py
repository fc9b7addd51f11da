"""A real ``roomd serve``: started, killed, started again where it was."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process

KEY = "rd_dev_0123456789abcdef0123456789abcdef"
START_SECONDS = 30.0
SERVER = ("-m", "roomd_server.cli")


class DiedStarting(Exception):
    """The server ended before it listened."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"the server ended with {exit_code}")
        self.exit_code = exit_code


class Cluster:
    """One server on one port and one store.

    Args:
        store: URL of its store.
        program: What Python runs; another one than ``SERVER`` shows a server that breaks a
            promise.
        options: More options of the command.
    """

    def __init__(
        self, store: str, program: tuple[str, ...] = SERVER, options: tuple[str, ...] = ()
    ) -> None:
        self.address = f"127.0.0.1:{_free_port()}"
        self._store = store
        self._program = program
        self._options = options
        self._process: Process | None = None

    async def start(self, failpoints: str = "", program: tuple[str, ...] = ()) -> float:
        """Start it, for once perhaps with another program; seconds until it listens.

        Raises:
            DiedStarting: it did not come to that.
        """
        began = time.monotonic()
        environment = {**os.environ, "ROOMD_TEST_BUILD": "1", "ROOMD_FAILPOINTS": failpoints}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(program or self._program),
            "serve",
            f"--store={self._store}",
            f"--listen={self.address}",
            f"--api-key={KEY}",
            *self._options,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            while line := await self._process.stdout.readline():
                if line.startswith(b"roomd serves on"):
                    return time.monotonic() - began
        raise DiedStarting(await self._process.wait())

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    async def died(self, seconds: float) -> int:
        """Wait for its end; its exit code.

        Raises:
            TimeoutError: it still lives.
        """
        assert self._process is not None
        async with asyncio.timeout(seconds):
            return await self._process.wait()

    async def kill(self) -> None:
        """SIGKILL, if it lives."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
