"""An SDK's conformance worker: a child process, commands in, observations out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

START_SECONDS = 30.0
EXIT_SECONDS = 10.0
STDERR_LINES = 200


@dataclass
class Observation:
    """A line that the worker said."""

    what: dict[str, Any]
    time: float
    """When it was read, by ``time.monotonic``, which is the clock of event loops, too."""
    taken: bool = False
    """Whether a step of the script asked for it."""


@dataclass
class WorkerProcess:
    """A worker that serves one case after the other."""

    command: list[str]
    cwd: str | None = None
    said: list[Observation] = field(default_factory=list)
    """What it said since the case began."""
    log: list[str] = field(default_factory=list)
    """The newest lines of its stderr."""
    listener: Callable[[], None] | None = None
    """Called, from another thread, when it said something or ended."""

    def start(self) -> None:
        """Start it, and wait until it is ready.

        Raises:
            AssertionError: it does not start.
        """
        self.process = subprocess.Popen(
            self.command,
            cwd=self.cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._ready = threading.Event()
        self._threads = [
            threading.Thread(target=read, daemon=True) for read in (self._listen, self._read_log)
        ]
        for thread in self._threads:
            thread.start()
        ok = self._ready.wait(START_SECONDS) and self.process.poll() is None
        assert ok, f"{self.command} did not say that it is ready:\n" + self.words()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log[-40:])

    def tell(self, command: dict[str, Any]) -> None:
        """Send a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def begin(self, listener: Callable[[], None]) -> None:
        """Begin a case: what was said before does not count."""
        self.said.clear()
        self.log.clear()
        self.listener = listener

    def signal(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> int | None:
        """End it: by the end of its input, else by force; its exit code."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for thread in self._threads:
            thread.join(EXIT_SECONDS)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return self.process.returncode

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                what = json.loads(line)
            except ValueError:
                what = {"saw": "fault", "message": f"not JSON: {line.strip()[:200]}"}
            if what.get("saw") == "ready":
                self._ready.set()
                continue
            self.said.append(Observation(what, time.monotonic()))
            self._tell_listener()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(EXIT_SECONDS)  # its output ends a moment before it does
        self._ready.set()
        self._tell_listener()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.rstrip())
            del self.log[:-STDERR_LINES]

    def _tell_listener(self) -> None:
        listener = self.listener
        if listener is not None:
            listener()


class Changes:
    """Something happened: streams and observations of one case wake its script."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Something happened, on the event loop."""
        self._event.set()

    def ring_from_thread(self) -> None:
        """Something happened, elsewhere."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, look: Callable[[], Any], seconds: float) -> Any:
        """What ``look`` finds as soon as it finds something; None when time is over."""
        until = self._loop.time() + seconds
        while True:
            self._event.clear()
            found = look()
            if found is not None:
                return found
            left = until - self._loop.time()
            if left <= 0:
                return None
            try:
                async with asyncio.timeout(left):
                    await self._event.wait()
            except TimeoutError:
                return look()
