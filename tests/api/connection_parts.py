"""A server with live connections, rooms on a real store, and a short pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from api_fakes import Client, routes_with, serving
from core_services import RecordedHooks
from grpc import aio

from roomd import v1 as pb
from roomd_server.api.validation import validate
from roomd_server.channels.connection import ConnectionHub
from roomd_server.channels.connection_stream import ConnectionParts, ConnectionService
from roomd_server.channels.signals import Signals
from roomd_server.channels.system import SystemDriver
from roomd_server.core.bus import FrameworkBus, Tail
from roomd_server.core.channels import ChannelDirectory
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.options import EngineOptions
from roomd_server.core.ports import Ask, Caller, RoomSnapshot, WriteSet
from roomd_server.core.realtime_desk import RealtimeDesk
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.rooms import Rooms
from roomd_server.core.waiting import conclude
from roomd_server.stores.sqlite import SqliteStore
from roomd_server.system import SortableIds, SystemClock

CONNECT = "/roomd.v1.ChannelService/Connect"
ORG = "default"

Gate = Callable[[pb.ProcessInboundRequest], Awaitable[None]]


@dataclass
class House:
    """The parts of the server, and what went through it."""

    clock: SystemClock
    ids: SortableIds
    store: SqliteStore
    directory: RoomDirectory
    channels: ChannelDirectory
    desk: RealtimeDesk
    hub: ConnectionHub
    tail: Tail
    client: Client = field(init=False)
    service: ConnectionService = field(init=False)
    gate: Gate | None = None
    """Runs before a message enters its room."""
    entered: list[str] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)

    async def room(self, room_id: str, *channel_ids: str) -> RoomActor:
        """Make a room with channels attached."""
        room = pb.Room(room_id=room_id, status=pb.ROOM_STATUS_ACTIVE)
        await self.store.commit(WriteSet(ORG, room_id, room=room, create_room=True))
        actor = self.directory.adopt(ORG, RoomSnapshot(room, [], [], [], 0, [], 0, []))
        draft = Draft(actor, self.clock)
        draft.room()
        for channel_id in channel_ids:
            binding = pb.Binding(
                room_id=room_id,
                channel_id=channel_id,
                channel_type=pb.CHANNEL_TYPE_WEBSOCKET,
                category=pb.CHANNEL_CATEGORY_TRANSPORT,
            )
            draft.put_binding(binding, "channel_attached")
        await draft.commit()
        return actor

    async def inbound(
        self,
        caller: Caller,
        request: pb.ProcessInboundRequest,
        connection_id: str,
        placed: Callable[[], None],
    ) -> pb.ProcessInboundResponse:
        """Commit a message and deliver it, as the pipeline would."""
        if self.gate is not None:
            await self.gate(request)
        message = request.message
        actor = await self.directory.get(caller.org, request.room_id)
        event = pb.RoomEvent(
            event_id=self.ids.new(),
            type=pb.EVENT_TYPE_MESSAGE,
            source=pb.EventSource(
                channel_id=message.channel_id,
                participant_id=message.sender_id,
                connection_id=connection_id,
            ),
            content=message.content,
        )
        async with actor.lock:
            draft = Draft(actor, self.clock)
            draft.add_event(event)
            durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            draft.submit(partial(conclude, durable))
        placed()
        await asyncio.shield(durable)
        self.entered.append(message.content.text.body)
        for channel_id, binding in actor.bindings.items():
            channel = self.channels.get(caller.org, channel_id)
            delivery_id = f"{event.event_id}:{channel_id}"
            ask = Ask(caller.org, channel, binding, event, delivery_id, "", 1, 1, actor.context)
            delivering = asyncio.ensure_future(self.hub.deliver(ask))
            self._delivering.add(delivering)
            delivering.add_done_callback(self._delivering.discard)
        return pb.ProcessInboundResponse(
            outcome=pb.OUTCOME_ACCEPTED, event=event, room_id=actor.room_id
        )

    def __post_init__(self) -> None:
        self._delivering: set[asyncio.Future[pb.DeliveryOutcome]] = set()

    @asynccontextmanager
    async def dial(self, channel_id: str = "ws", **fields: Any) -> AsyncIterator[Dialled]:
        """Open a connection."""
        call = self.client.bidi(CONNECT)
        line = Dialled(call)
        try:
            await line.tell(open=pb.Open(channel_id=channel_id, **fields))
            opened = await call.read()
            if opened is not aio.EOF:
                line.connection_id = opened.opened.connection_id
            yield line
        finally:
            call.cancel()
            await asyncio.wait((asyncio.ensure_future(_ended(call)),))

    def told(self, kind: str) -> int:
        return sum(event.type == kind for event in self.tail.events)


class Dialled:
    """A client's end of a connection."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.connection_id = ""
        self.opened = pb.Opened()
        self.got = pb.Batch()
        """Everything that came in batches."""
        self.batches = 0

    async def tell(self, **message: Any) -> None:
        await self.call.write(pb.ChannelServiceConnectRequest(**message))

    async def say(self, *texts: str, room_id: str = "r1", **fields: Any) -> None:
        fields.setdefault("sender_id", "ada")
        first = len(self.got.results) + 1
        items = [
            pb.SendItem(
                send_id=first + number,
                room_id=room_id,
                content=pb.Content(text=pb.TextContent(body=text)),
                **fields,
            )
            for number, text in enumerate(texts)
        ]
        await self.tell(send=pb.SendBatch(items=items))

    async def read(self) -> Any:
        """The next message."""
        response = await asyncio.wait_for(self.call.read(), 5)
        if response is not aio.EOF and response.HasField("batch"):
            self.got.MergeFrom(response.batch)
            self.batches += 1
        return response

    async def until(self, holds: Callable[[pb.Batch], bool]) -> pb.Batch:
        """Read until what came in so far holds something."""
        while not holds(self.got):
            assert (await self.read()) is not aio.EOF, "it ended before"
        return self.got

    async def texts(self, count: int) -> list[str]:
        """What was delivered, once it is so much."""
        got = await self.until(lambda batch: len(batch.deliveries) >= count)
        return [delivery.event.content.text.body for delivery in got.deliveries]


async def _ended(call: Any) -> None:
    await call.code()


@asynccontextmanager
async def house(**server: Any) -> AsyncIterator[House]:
    clock = SystemClock()
    ids = SortableIds(clock)
    store = await SqliteStore.open(":memory:", clock=clock)
    bus = FrameworkBus(clock)
    tail = Tail(ORG, frozenset(), "")
    bus._tails.append(tail)
    hub = ConnectionHub(clock, bus)
    drivers = {"connection": hub, "system": SystemDriver()}
    directory = RoomDirectory(store, clock, ids, max_live_rooms=1000)
    channels = ChannelDirectory(store, clock, ids, drivers, EngineOptions(), bus)
    desk = RealtimeDesk(
        directory, Rooms(directory, RecordedHooks()), clock, presence_lease_seconds=30.0
    )
    hub.use(directory, channels)
    desk.add_sink(hub)
    made = House(clock, ids, store, directory, channels, desk, hub, tail)
    parts = ConnectionParts(
        clock=clock,
        ids=ids,
        channel=channels.get,
        inbound=made.inbound,
        signal=Signals(directory, desk),
        rooms_of_channel=store.open_rooms_of_channel,
        validate=validate,
        wake=lambda org, channel_id: made.woken.append(channel_id),
        max_message_bytes=4 * 1024 * 1024,
    )
    made.service = ConnectionService(hub, parts)
    for channel_id, kind in (
        ("ws", pb.CHANNEL_TYPE_WEBSOCKET),
        ("other", pb.CHANNEL_TYPE_WEBSOCKET),
        ("notices", pb.CHANNEL_TYPE_SYSTEM),
    ):
        channel = pb.Channel(channel_id=channel_id, type=kind)
        await channels.register_channel(Caller(ORG), pb.RegisterChannelRequest(channel=channel))
    tail.events.clear()
    routes = routes_with({CONNECT: made.service.connect})
    try:
        async with serving(routes, drain_hooks=(made.service.drain,), **server) as client:
            made.client = client
            yield made
    finally:
        await store.close()
