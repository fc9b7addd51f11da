"""What stands behind a kit: the connection, and registrations that wait for it.

Registering is synchronous in the documents; the service is not. So registrations are queued
and brought to the service before the next call, in order, and that call waits for them.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from roomd import _embedded
from roomd import v1 as pb
from roomd._client import CALL_SECONDS, REFUSALS, Client, error_from, opening
from roomd._convert import mapping, moment
from roomd._reconnect import Reconnect, Waits
from roomd._worker import Handler, Worker
from roomd.exceptions import ServiceUnavailableError
from roomd.models.framework_event import FrameworkEvent

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Message)
Work = Callable[[], Awaitable[None]]
FrameworkHandler = Callable[[FrameworkEvent], Any]

TAIL_SECONDS = 10.0


@dataclass(frozen=True)
class ServingOptions:
    """How a session serves handlers, and how it dials again."""

    worker_id: str = ""
    """As in ``Worker``."""
    takeover: bool = False
    """As in ``Worker``."""
    reconnect: Reconnect | None = None
    """As in ``Client``."""


class Session:
    """A connection with everything that is registered on it.

    Args:
        address: The service; None: a server in this process.
        api_key: The key.
        tls: As in ``Client``.
        path: For the server in this process: a SQLite file; None: in memory.
        options: For the server in this process: its settings.
        serving: How it serves.
    """

    def __init__(
        self,
        address: str | None,
        api_key: str,
        *,
        tls: bool | bytes,
        path: str | None,
        options: Mapping[str, object],
        serving: ServingOptions | None = None,
    ) -> None:
        self._address = address
        self._api_key = api_key
        self._tls = tls
        self._serving = serving or ServingOptions()
        self._path = path
        self._options = dict(options)
        self._embedded: _embedded.Embedded | None = None
        self._client: Client | None = None
        self._worker: Worker | None = None
        self._pending: list[Work] = []
        self._handlers: dict[str, Handler] = {}
        self.handler_names: set[str] = set()
        """Everything that is served, or waits to be attached."""
        self._lock = asyncio.Lock()
        self._framework: dict[str, list[FrameworkHandler]] = {}
        self._tail: asyncio.Task[None] | None = None
        self._told_since: float | None = None
        """When the service began to tell framework events; by the loop's clock."""
        self._keeper: asyncio.Task[None] | None = None
        self.before_ready: list[Callable[[], None]] = []
        """Asked before every call for registrations that nobody announced."""

    @property
    def client(self) -> Client:
        """The connection; only once ``ready``."""
        assert self._client is not None
        return self._client

    # -------------------------------------------------------------- registrations

    def enqueue(self, work: Work) -> None:
        """Do this before the next call."""
        self._pending.append(work)

    def enqueue_handler(self, name: str, handler: Handler) -> None:
        """Attach this before the next call, together with others that wait."""
        self._handlers[name] = handler
        self.handler_names.add(name)

    def drop_handler(self, name: str) -> bool:
        """Detach a handler; whether there was one."""
        self.handler_names.discard(name)
        waiting = self._handlers.pop(name, None) is not None
        if self._worker is not None:
            worker = self._worker
            self.enqueue(lambda: _ignore(worker.detach(name)))
            return True
        return waiting

    def on_framework_event(self, kind: str, handler: FrameworkHandler) -> None:
        """Call a function on framework events of a kind."""
        self._framework.setdefault(kind, []).append(handler)

    async def ready(self) -> Client:
        """Connect if need be and bring everything that waits to the service."""
        for look in self.before_ready:
            look()
        # While another call brings them, they are neither waiting nor there.
        if self._client is not None and not self._waiting() and not self._lock.locked():
            return self._client
        async with self._lock:
            if self._client is None:
                await self._connect()
            while self._waiting():
                await self._flush()
        return self.client

    def _waiting(self) -> bool:
        return bool(self._pending or self._handlers or (self._framework and self._tail is None))

    async def _connect(self) -> None:
        address, key = self._address, self._api_key
        if address is None:
            self._embedded = await _embedded.start(self._path, self._options)
            address, key = self._embedded.address, self._embedded.key
            self._keeper = asyncio.create_task(self._end_with_the_loop())
        self._client = Client(address, key, tls=self._tls, reconnect=self._serving.reconnect)
        self._worker = Worker(
            self._client, self._serving.worker_id, takeover=self._serving.takeover
        )

    async def _flush(self) -> None:
        assert self._worker is not None
        if self._framework and self._tail is None:
            await self._start_tail()
        # Channels first: a handler of a channel is of use only once it is registered.
        while self._pending:
            await self._do_first()
        if self._handlers:
            handlers, self._handlers = self._handlers, {}
            await self._worker.attach(handlers)

    async def _do_first(self) -> None:
        """Do what waits longest; it keeps its place while the service is not there."""
        try:
            await self._pending[0]()
        except (ServiceUnavailableError, asyncio.CancelledError):
            raise
        except BaseException:
            del self._pending[0]
            raise
        del self._pending[0]

    # -------------------------------------------------------------- calls

    async def call(
        self,
        method: str,
        request: Message,
        response: type[R],
        *,
        timeout: float = CALL_SECONDS,
        may_repeat_lost: bool = True,
    ) -> R:
        """Make a call, after everything that was registered before it.

        Args:
            method: ``Service/Method``.
            request: Its request.
            response: Type of the answer.
            timeout: Seconds.
            may_repeat_lost: As in ``Client.call``.

        Raises:
            RoomKitError: the subclass for the reason.
        """
        client = await self.ready()
        path = f"/roomd.v1.{method}"
        return await client.call(
            path, request, response, timeout=timeout, may_repeat_lost=may_repeat_lost
        )

    async def _end_with_the_loop(self) -> None:
        """Close when the program ends without closing: the last act of ``asyncio.run`` is to
        cancel all tasks, and a server must not outlive its event loop.
        """
        try:
            await asyncio.Event().wait()
        finally:
            await self._hang_up()

    async def close(self) -> None:
        """Hang up; stop the server in this process."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        else:
            await self._hang_up()

    async def _hang_up(self) -> None:
        if self._tail is not None:
            self._tail.cancel()
            await asyncio.gather(self._tail, return_exceptions=True)
        if self._worker is not None:
            await self._worker.close()
        if self._client is not None:
            await self._client.close()
        if self._embedded is not None:
            await self._embedded.stop()

    # -------------------------------------------------------------- framework events

    async def _start_tail(self) -> None:
        began = asyncio.get_running_loop().create_future()
        self._tail = asyncio.create_task(self._follow(began))
        try:
            await opening(began, "framework events", TAIL_SECONDS)
        finally:
            if self._tail.done():
                self._tail = None  # refused; the next call asks again

    async def _follow(self, began: asyncio.Future[None]) -> None:
        waits = Waits(self.client.reconnect)
        loop = asyncio.get_running_loop()
        while True:
            self._told_since = None
            try:
                await self._read_tail(began)
            except grpc.aio.AioRpcError as error:
                log.warning("framework events are not heard: %s", error.details())
                if error.code() in REFUSALS:
                    if not began.done():
                        began.set_exception(error_from(error))
                    return
            since = self._told_since
            await asyncio.sleep(waits.lost(loop.time() - since if since is not None else 0.0))

    async def _read_tail(self, began: asyncio.Future[None]) -> None:
        call = self.client.channel.unary_stream(
            "/roomd.v1.AdminService/TailFrameworkEvents",
            request_serializer=pb.TailFrameworkEventsRequest.SerializeToString,
            response_deserializer=pb.TailFrameworkEventsResponse.FromString,
        )(pb.TailFrameworkEventsRequest(), metadata=self.client.metadata())
        async for response in call:
            if self._told_since is None:
                self._told_since = asyncio.get_running_loop().time()
            if not began.done():
                began.set_result(None)
            for event in response.events:
                await self._tell(event)

    async def _tell(self, event: pb.FrameworkEvent) -> None:
        handlers = self._framework.get(event.type, ())
        if not handlers:
            return
        told = FrameworkEvent(
            type=event.type,
            room_id=event.room_id or None,
            channel_id=event.channel_id or None,
            event_id=event.event_id or None,
            timestamp=moment(event.create_time),
            data=mapping(event.data),
        )
        for handler in handlers:
            try:
                outcome = handler(told)
                if inspect.isawaitable(outcome):
                    await outcome
            except Exception:  # boundary: one handler's fault is not another's
                log.exception("a handler of %s failed", event.type)


async def _ignore(work: Awaitable[object]) -> None:
    await work
