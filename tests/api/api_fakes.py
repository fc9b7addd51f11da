"""A small engine for the tests of the API: default handlers, a log in memory, a client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc import aio

from roomd import v1 as pb
from roomd_server.api.feeds import LogStretch
from roomd_server.api.methods import Method, Shape, methods
from roomd_server.api.routes import Routes
from roomd_server.api.server import ApiOptions, ApiServer, DrainHook
from roomd_server.core.errors import room_not_found
from roomd_server.core.log import LogEntry, Position, event_item
from roomd_server.core.ports import Caller
from roomd_server.security.credentials import Credentials, OpenLoopback

ROOM = "/roomd.v1.RoomService/"
EVENT = "/roomd.v1.EventService/"
METHODS: dict[str, Method] = {method.path: method for method in methods()}


def default_handler(method: Method) -> Any:
    async def unary(caller: Caller, request: Message) -> Message:
        return method.response_type()

    async def stream(caller: Caller, request: Message) -> AsyncIterator[Message]:
        yield method.response_type()

    async def bidi(caller: Caller, requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
        async for _ in requests:
            yield method.response_type()

    return {Shape.UNARY: unary, Shape.SERVER_STREAM: stream, Shape.BIDI: bidi}[method.shape]


def routes_with(
    handlers: dict[str, Any] | None = None, pushes: dict[str, Any] | None = None
) -> Routes:
    """Every method served, by the given handlers or by empty answers."""
    handlers, pushes = handlers or {}, pushes or {}
    table = {
        path: handlers.get(path) or default_handler(method)
        for path, method in METHODS.items()
        if path not in pushes
    }
    return Routes(
        unary={p: h for p, h in table.items() if METHODS[p].shape is Shape.UNARY},
        streams={p: h for p, h in table.items() if METHODS[p].shape is not Shape.UNARY},
        pushes=pushes,
    )


class Client:
    """Calls methods by path, with messages or raw bytes."""

    def __init__(self, channel: aio.Channel, server: ApiServer) -> None:
        self.channel = channel
        self.server = server

    def unary(
        self,
        path: str,
        request: Message | bytes,
        metadata: tuple[tuple[str, str], ...] = (),
        timeout: float | None = 10,
    ) -> Any:
        call = self.channel.unary_unary(path, _serialize, _parser(path))
        return call(request, metadata=metadata, timeout=timeout)

    def stream(
        self, path: str, request: Message | bytes, metadata: tuple[tuple[str, str], ...] = ()
    ) -> Any:
        call = self.channel.unary_stream(path, _serialize, _parser(path))
        return call(request, metadata=metadata)

    def bidi(self, path: str, metadata: tuple[tuple[str, str], ...] = ()) -> Any:
        call = self.channel.stream_stream(path, _serialize, _parser(path))
        return call(metadata=metadata)


def _serialize(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()


def _parser(path: str) -> Callable[[bytes], Message] | None:
    method = METHODS.get(path)
    return method.response_type.FromString if method else None


@asynccontextmanager
async def serving(
    routes: Routes | None = None,
    credentials: Credentials | None = None,
    options: ApiOptions | None = None,
    drain_hooks: tuple[DrainHook, ...] = (),
    channel_options: tuple[tuple[str, int], ...] = (),
) -> AsyncIterator[Client]:
    server = ApiServer(routes or routes_with(), credentials or OpenLoopback(), options, drain_hooks)
    (port,) = await server.start()
    try:
        async with aio.insecure_channel(f"127.0.0.1:{port}", options=channel_options) as channel:
            yield Client(channel, server)
    finally:
        await server.drain(1)


@dataclass
class Failure:
    """An error as a client sees it."""

    code: grpc.StatusCode
    reason: str
    message: str
    info: error_details_pb2.ErrorInfo
    details: dict[str, Any]
    request_id: str | None


DETAIL_TYPES = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.RetryInfo,
    error_details_pb2.PreconditionFailure,
    error_details_pb2.ResourceInfo,
)


async def failure_of(call: Awaitable[Any]) -> Failure:
    """The error of a call that must fail."""
    try:
        await call
    except aio.AioRpcError as error:
        return read_failure(error)
    raise AssertionError("the call should have failed")


def read_failure(error: aio.AioRpcError) -> Failure:
    trailing = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    details = {}
    for packed in status.details:
        for kind in DETAIL_TYPES:
            if packed.Is(kind.DESCRIPTOR):
                detail = kind()
                packed.Unpack(detail)
                details[kind.DESCRIPTOR.name] = detail
    info = details["ErrorInfo"]
    assert info.domain == "roomd"
    return Failure(
        error.code(), info.reason, status.message, info, details, trailing.get("x-request-id")
    )


async def refusal_of(call: Awaitable[Any]) -> str | None:
    """The reason why a call failed; None: it did not."""
    try:
        await call
    except aio.AioRpcError as error:
        return read_failure(error).reason
    return None


async def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds; fails after ten seconds."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to hold")


async def drained(call: Any) -> list[Any]:
    return [message async for message in call]


class FakeFeed:
    """A room's log in memory, of which only the tail counts as in memory."""

    def __init__(self, room_id: str = "r", tail: int = 64) -> None:
        self.room_id = room_id
        self.tail = tail
        self.entries: list[LogEntry] = []
        self.kept_from = Position(0, 0)
        self.head = Position(0, 0)
        self.deleted = False
        self.stale = False
        self.bells: list[Callable[[], None]] = []
        self.ephemeral_epoch = "e1"
        self.ephemerals: list[bytes] = []
        self.ephemeral_ring = 256
        self.late: list[bytes] = []
        self.loads = 0
        self.sinces = 0
        self.unread: list[int] = []

    def watch(self, bell: Callable[[], None]) -> None:
        self.bells.append(bell)

    def unwatch(self, bell: Callable[[], None]) -> None:
        self.bells.remove(bell)

    def ring(self) -> None:
        for bell in tuple(self.bells):
            bell()

    def release(self, unread: int) -> None:
        self.unread.append(unread)

    def since(self, position: Position, limit: int) -> list[LogEntry] | None:
        self.sinces += 1
        following = self._from(position)
        if len(following) > self.tail:
            return None
        return following[:limit]

    def _from(self, position: Position) -> list[LogEntry]:
        return [
            entry
            for entry in self.entries
            if (entry.after.index > position.index and self._is_event(entry))
            or (entry.after.change > position.change and not self._is_event(entry))
        ]

    def _is_event(self, entry: LogEntry) -> bool:
        return entry.item[:1] == b"\x12"

    async def load(self, position: Position, limit: int) -> LogStretch:
        self.loads += 1
        await asyncio.sleep(0)
        return LogStretch(self._from(position)[:limit], self.kept_from)

    async def oldest(self) -> Position:
        return self.kept_from

    @property
    def next_ephemeral(self) -> int:
        return len(self.ephemerals) + 1

    def ephemerals_since(self, sequence: int) -> tuple[list[bytes], int, int]:
        missing = self.ephemerals[sequence - 1 :]
        kept = missing[-self.ephemeral_ring :]
        return kept, self.next_ephemeral, len(missing) - len(kept)

    def late_starts(self) -> list[bytes]:
        return self.late

    def say(self, text: str, kind: Any = pb.EVENT_TYPE_MESSAGE, ring: bool = True) -> pb.RoomEvent:
        event = pb.RoomEvent(
            event_id=f"ev-{self.head.index}",
            room_id=self.room_id,
            index=self.head.index,
            type=kind,
            content=pb.Content(text=pb.TextContent(body=text)),
        )
        self.head = Position(self.head.index + 1, self.head.change)
        self.entries.append(LogEntry(event_item(event), self.head, kind))
        if ring:
            self.ring()
        return event

    def change(self, what: str) -> None:
        self.head = Position(self.head.index, self.head.change + 1)
        item = pb.StreamItem(room_changed=pb.StreamItem.RoomChanged(change=what))
        self.entries.append(LogEntry(item.SerializeToString(), self.head, 0))
        self.ring()

    def type(self, user_id: str) -> None:
        event = pb.EphemeralEvent(
            room_id=self.room_id,
            type=pb.EPHEMERAL_TYPE_TYPING_START,
            user_id=user_id,
            sequence=self.next_ephemeral,
            epoch=self.ephemeral_epoch,
        )
        self.ephemerals.append(pb.StreamItem(ephemeral=event).SerializeToString())
        self.ring()


class FakeSource:
    """Feeds by room id."""

    def __init__(self, *feeds: FakeFeed) -> None:
        self.feeds = {feed.room_id: feed for feed in feeds}
        self.opened = 0

    async def open(self, org: str, room_id: str) -> FakeFeed:
        self.opened += 1
        await asyncio.sleep(0)
        if room_id not in self.feeds:
            raise room_not_found(room_id)
        return self.feeds[room_id]


def names(violations: Any) -> Iterator[str]:
    return (violation.field for violation in violations)
