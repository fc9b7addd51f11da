"""A server inside the process, for ``RoomKit()`` without an address.

It runs on a thread with an event loop of its own. On the application's loop it would stand still
whenever the application computes, and ``asyncio.run`` cancels every task of its loop at the end,
which a grpc server does not survive.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Protocol, cast

from roomd.exceptions import NotSupportedError

STOP_SECONDS = 10.0


class Server(Protocol):
    """What the server's package starts."""

    address: str
    key: str

    async def stop(self) -> None:
        """Stop it."""


Start = Callable[[str | None, Mapping[str, object]], Awaitable[Server]]


class Embedded:
    """A server on a thread of its own."""

    def __init__(self, start: Start, path: str | None, options: Mapping[str, object]) -> None:
        self._start = start
        self._path = path
        self._options = options
        self._started: Future[Server] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._enough = asyncio.Event()
        # A daemon, because a program that never closes its kit must still end.
        self._thread = threading.Thread(target=self._main, name="roomd-server", daemon=True)
        self.address = ""
        self.key = ""

    async def start(self) -> None:
        """Start it; returns once it listens.

        Raises:
            Exception: what the server could not do.
        """
        self._thread.start()
        server = await asyncio.wrap_future(self._started)
        self.address, self.key = server.address, server.key
        atexit.register(self._stop)

    async def stop(self) -> None:
        """Stop it and wait for its end."""
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        atexit.unregister(self._stop)
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._enough.set)
            self._thread.join(STOP_SECONDS)

    def _main(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            server = await self._start(self._path, self._options)
        except Exception as error:  # boundary: it is raised where the application waits
            self._started.set_exception(error)
            return
        self._started.set_result(server)
        await self._enough.wait()
        await server.stop()


async def start(path: str | None, options: Mapping[str, object]) -> Embedded:
    """Start a server on loopback.

    Raises:
        NotSupportedError: only the client is installed.
        ImportError: the server is installed, but not whole.
    """
    try:
        from roomd_server.wiring import start_embedded  # noqa: PLC0415 - the server is optional
    except ModuleNotFoundError as error:
        if error.name != "roomd_server":
            raise  # it is there, and broken
        raise NotSupportedError(
            "RoomKit() without an address runs a server in this process, which needs the full "
            f"distribution of roomd: {error}"
        ) from error
    embedded = Embedded(cast("Start", start_embedded), path, options)
    await embedded.start()
    return embedded
