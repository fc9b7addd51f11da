"""A real server for the tests of semantics 3 and 4: gRPC, hooks, SQLite.

The tests of a module share a server; each has a room whose channels and hooks are its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
from api_fakes import Client, failure_of
from hook_kit import HOOKS, Behaviour, Worker, hook, spec

from roomd import v1 as pb
from roomd_server.api.methods import Method, Shape, methods
from roomd_server.core.bus import Tail
from roomd_server.core.engine import Engine
from roomd_server.stores.sqlite import SqliteStore
from roomd_server.wiring import EmbeddedServer, start_embedded

ORG = "default"
RPCS: Mapping[str, Method] = {one.name: one for one in methods() if one.shape is Shape.UNARY}


class House:
    """A server, a client of it, and what it said about itself."""

    def __init__(self, server: EmbeddedServer, channel: grpc.aio.Channel) -> None:
        self.engine: Engine = server.server._engine
        self.store: SqliteStore = server.server._store
        self.client = Client(channel, server.server._api)
        self.address = server.address
        self.key = (("authorization", f"Bearer {server.key}"),)
        self.tail = Tail(ORG, frozenset(), "")
        self.engine.bus._tails.append(self.tail)
        self._rooms = 0

    async def call(self, rpc: str, **fields: Any) -> Any:
        """Call a unary method by its name."""
        method = RPCS[rpc]
        return await self.client.unary(method.path, method.request_type(**fields), self.key)

    async def fails(self, rpc: str, **fields: Any) -> Any:
        """The error of a call that must fail."""
        return await failure_of(self.call(rpc, **fields))

    async def worker(self, *handlers: pb.Handler, behave: Behaviour | None = None) -> Worker:
        """A worker that serves the handlers; the caller ends it."""
        worker = Worker(self.client.bidi(HOOKS + "Connect", self.key), behave)
        await worker.hello()
        for status in await worker.attach(*handlers):
            assert status.status.code == 0, status.status
        return worker

    async def room(self, room_id: str = "", **fields: Any) -> Room:
        """A new room with the connection channel ``ws``."""
        self._rooms += 1
        room = Room(self, room_id or f"r{self._rooms}")
        await self.call("CreateRoom", room_id=room.room_id, **fields)
        await room.add("ws")
        return room


class Room:
    """A room; the ids of its channels and hooks end with its own, so that nobody shares them."""

    def __init__(self, house: House, room_id: str) -> None:
        self.house = house
        self.room_id = room_id
        self._workers: list[Worker] = []

    def id(self, name: str) -> str:
        """The id of the channel or hook that the test calls ``name``."""
        return f"{name}-{self.room_id}"

    async def call(self, rpc: str, **fields: Any) -> Any:
        """Call a method on this room."""
        return await self.house.call(rpc, room_id=self.room_id, **fields)

    # -------------------------------------------------------------- who takes part

    async def add(
        self,
        name: str,
        kind: pb.ChannelType = pb.CHANNEL_TYPE_WEBSOCKET,
        *,
        implementation: pb.ChannelImplementation | None = None,
        channel: Mapping[str, Any] | None = None,
        **binding: Any,
    ) -> None:
        """Register a channel and attach it."""
        made = pb.Channel(
            channel_id=self.id(name), type=kind, implementation=implementation, **(channel or {})
        )
        await self.house.call("RegisterChannel", channel=made)
        await self.call("AttachChannel", channel_id=self.id(name), binding=pb.Binding(**binding))

    async def phone(
        self,
        name: str = "phone",
        answer: Behaviour | None = None,
        *,
        kind: pb.ChannelType = pb.CHANNEL_TYPE_PUSH,
        provider: Mapping[str, Any] | None = None,
        **binding: Any,
    ) -> Phone:
        """Add a channel that a worker serves: by default one that shows text only."""
        handler = pb.Handler(
            name=self.id(name),
            spec=pb.HandlerSpec(channel_provider=pb.ChannelProviderSpec(**(provider or {}))),
        )
        worker = await self.house.worker(handler, behave=answer or (lambda _: sent()))
        self._workers.append(worker)
        served_by = pb.ChannelImplementation.Worker(handler=self.id(name))
        implementation = pb.ChannelImplementation(worker=served_by)
        await self.add(name, kind, implementation=implementation, **binding)
        return Phone(worker)

    async def model(
        self, name: str = "ai", answer: Behaviour | None = None, **binding: Any
    ) -> Phone:
        """Add an AI that a worker serves."""
        answer = answer or (lambda _: answers("answer"))
        return await self.phone(name, answer, kind=pb.CHANNEL_TYPE_AI, **binding)

    async def hook(self, name: str, behave: Behaviour, mode: int, **fields: Any) -> Worker:
        """Attach a hook of this room."""
        rooms = pb.HookFilter(room_ids=[self.room_id])
        handler = hook(self.id(name), spec(mode, filter=rooms, **fields))
        worker = await self.house.worker(handler, behave=behave)
        self._workers.append(worker)
        return worker

    async def leave(self) -> None:
        """End the room's workers."""
        for worker in self._workers:
            await ended(worker)

    # -------------------------------------------------------------- what is said

    async def say(
        self, said: str | pb.Content = "hello", channel: str = "ws", **fields: Any
    ) -> Any:
        """Send an event from a channel of the room."""
        fields = {"participant_id": "ann"} | fields
        return await self.call(
            "SendEvent", channel_id=self.id(channel), content=content(said), **fields
        )

    async def arrive(
        self, said: str | pb.Content = "hello", channel: str = "ws", **message: Any
    ) -> Any:
        """Let a message come in by a channel, for this room; answered when all is done."""
        return await self.house.call(
            "ProcessInbound", message=self.message(said, channel, **message), room_id=self.room_id
        )

    def message(
        self, said: str | pb.Content = "hello", channel: str = "ws", **fields: Any
    ) -> pb.InboundMessage:
        """A message from outside."""
        fields = {"sender_id": "ann"} | fields
        return pb.InboundMessage(channel_id=self.id(channel), content=content(said), **fields)

    # -------------------------------------------------------------- what became of it

    async def events(self) -> list[pb.RoomEvent]:
        """What was said, without the room's own notes."""
        page = await self.call("ListEvents", page_size=1000)
        return [event for event in page.events if event.content.WhichOneof("kind") != "system"]

    async def texts(self) -> list[str]:
        return [event.content.text.body for event in await self.events()]

    async def rows(self, event_id: str = "") -> dict[str, pb.DeliveryResult]:
        """The deliveries of an event, by the name of their target."""
        page = await self.call("ListDeliveries", event_id=event_id, page_size=1000)
        suffix = self.id("")
        return {row.channel_id.removesuffix(suffix): row.result for row in page.deliveries}

    def told(self, kind: str) -> list[pb.FrameworkEvent]:
        """The framework events of a kind."""
        events = self.house.tail.events
        return [one for one in events if one.room_id == self.room_id and one.type == kind]


class Phone:
    """A channel that a worker serves: what reached it."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    @property
    def got(self) -> list[pb.ChannelDelivery]:
        calls = [one.call for one in self.worker.invocations]
        return [
            call.deliver if call.HasField("deliver") else call.respond
            for call in calls
            if call.WhichOneof("kind") in ("deliver", "respond")
        ]

    @property
    def texts(self) -> list[str]:
        return [delivery.event.content.text.body for delivery in self.got]

    async def until(self, count: int) -> None:
        """Wait until so much has reached it."""
        await self.worker.until(lambda: len(self.got) >= count)


def content(said: str | pb.Content) -> pb.Content:
    """Content, or words as text."""
    return said if isinstance(said, pb.Content) else pb.Content(text=pb.TextContent(body=said))


def sent(provider_message_id: str = "", **response: Any) -> pb.HandlerResult:
    """A delivery that worked."""
    result = pb.DeliveryResult(
        state=pb.DELIVERY_STATE_SENT, provider_message_id=provider_message_id
    )
    outcome = pb.DeliveryOutcome(result=result)
    if response:
        outcome.response.CopyFrom(pb.Response(**response))
    return pb.HandlerResult(delivery=outcome)


def answers(*said: str | pb.Content | pb.RoomEvent, **fields: Any) -> pb.HandlerResult:
    """Whole answers of an AI."""
    events = [
        one if isinstance(one, pb.RoomEvent) else pb.RoomEvent(content=content(one)) for one in said
    ]
    return pb.HandlerResult(response=pb.Response(events=events, **fields))


async def after(opened: asyncio.Event, answer: Any) -> Any:
    """An answer that is given when something has happened."""
    await opened.wait()
    return answer


async def ended(worker: Worker) -> None:
    """End a worker, whatever it still has to answer."""
    for unanswered in worker._tasks:
        unanswered.cancel()
    await worker.kill()


async def echo(worker: Worker) -> None:
    """A round trip on a worker's stream: what was sent to it before has reached it."""
    before = len(worker.all("pong"))
    await worker.send(ping=pb.Ping())
    await worker.told("pong", before)


@asynccontextmanager
async def served(path: str | None = None, **settings: Any) -> AsyncIterator[House]:
    """A server: in memory, or on a file."""
    server = await start_embedded(path, settings)
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            yield House(server, channel)
    finally:
        await server.stop()


@asynccontextmanager
async def room_in(house: House, **fields: Any) -> AsyncIterator[Room]:
    """A room of one test."""
    room = await house.room(**fields)
    try:
        yield room
    finally:
        await room.leave()
