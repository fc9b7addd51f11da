"""Child processes of the tests: started, heard, frozen, killed; by their own pid only."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

LINE_SECONDS = 60.0


class Child:
    """A script that prints a line when it is ready, and for every line that it is sent."""

    def __init__(self, script: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    async def line(self) -> str:
        """Its next line.

        Raises:
            AssertionError: it ended without one.
        """
        assert self._process.stdout is not None
        async with asyncio.timeout(LINE_SECONDS):
            line = await asyncio.to_thread(self._process.stdout.readline)
        assert line, f"the child ended with {self._process.poll()}"
        return line.strip()

    async def ask(self, question: str = "") -> str:
        """Send a line; the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{question}\n")
        return await self.line()

    def freeze(self) -> None:
        """Stop it: the system keeps its connections, nobody answers on them."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
