"""A whole server for the rules of sections 1 and 2: wired as in production, called by gRPC,
on a store that is opened anew by a restart and a clock that is moved by hand.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from api_fakes import METHODS, Client, Failure, failure_of
from connection_parts import CONNECT, Dialled
from core_services import HandClock
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from grpc import aio
from hook_kit import OBSERVE, ORG, Worker, allow, block, grpc_worker, hook, spec

from roomd import v1 as pb
from roomd_server.api.methods import Shape
from roomd_server.config import Settings
from roomd_server.core.bus import Tail
from roomd_server.core.times import duration
from roomd_server.storage import open_store
from roomd_server.wiring import Server

SMS_NUMBER = {"phone_number": "+15550100"}
DRAIN_SECONDS = 0.0
SHORT_SECONDS = 1.0
PATHS = {
    method.request_type.DESCRIPTOR.full_name: path
    for path, method in METHODS.items()
    if method.shape is Shape.UNARY
}


class MovedClock(HandClock):
    """Waits of a second and more end when the time is moved. Shorter ones, by which the
    machinery gathers batches, pass by themselves.
    """

    async def sleep(self, seconds: float) -> None:
        if seconds < SHORT_SECONDS:
            await asyncio.sleep(seconds)
        else:
            await super().sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Any:
        if seconds < SHORT_SECONDS:
            return super().call_later(seconds, callback)
        future = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: done.cancelled() or callback())
        self._count += 1
        heapq.heappush(self._sleepers, (self.steady + seconds, self._count, future))
        return future

    def pass_unseen(self, seconds: float) -> None:
        """Let time pass without waking anybody: what is due is not done by itself."""
        self.wall += seconds
        self.steady += seconds


class House:
    """The server, and what its callers see."""

    def __init__(self, store: str, options: dict[str, Any]) -> None:
        self.clock = MovedClock()
        self._settings = Settings(
            store=store, listen="127.0.0.1:0", drain_grace_seconds=DRAIN_SECONDS, **options
        )
        self._open: list[Any] = []

    async def start(self) -> None:
        """Serve, from what the store has."""
        opened = await open_store(self._settings.store, self.clock)
        self.server = Server(self._settings, opened, self.clock)
        self.engine = self.server._engine
        self.tail = Tail(ORG, frozenset(), "")
        self.server._bus._tails.append(self.tail)
        await self.server._plane.load()
        await self.engine.start()
        (port,) = await self.server._api.start()
        self.address = f"127.0.0.1:{port}"
        self._channel = aio.insecure_channel(self.address)
        self.client = Client(self._channel, self.server._api)

    async def stop(self) -> None:
        """End politely."""
        for one in self._open:
            await one.kill()
        self._open.clear()
        await self._channel.close()
        await self.server.stop()

    async def restart(self) -> None:
        """Let everything in memory go and begin anew from the file."""
        await self.stop()
        await self.start()

    # ------------------------------------------------------------------ calls

    async def do(self, request: Message) -> Any:
        """Call the method that takes this request."""
        return await self.client.unary(PATHS[request.DESCRIPTOR.full_name], request)

    async def failure(self, request: Message) -> Failure:
        """Call the method that takes this request; it must fail."""
        return await failure_of(self.do(request))

    async def room(self, room_id: str = "r1", *channel_ids: str, **fields: Any) -> pb.Room:
        """Make a room, with live-connection channels of these ids."""
        made = (await self.do(pb.CreateRoomRequest(room_id=room_id, **fields))).room
        for channel_id in channel_ids:
            await self.add(channel_id, room_id=room_id)
        return made

    async def state(self, room_id: str = "r1") -> pb.Room:
        """The room as it is now."""
        return (await self.do(pb.GetRoomRequest(room_id=room_id))).room

    async def register(
        self, channel_id: str, kind: int = pb.CHANNEL_TYPE_WEBSOCKET, **fields: Any
    ) -> pb.Channel:
        """Register a channel; ``by`` names the handler of the worker that serves it."""
        if handler := fields.pop("by", ""):
            worker = pb.ChannelImplementation.Worker(handler=handler)
            fields["implementation"] = pb.ChannelImplementation(worker=worker)
        channel = pb.Channel(channel_id=channel_id, type=kind, **fields)
        return (await self.do(pb.RegisterChannelRequest(channel=channel))).channel

    async def attach(self, channel_id: str, room_id: str = "r1", **fields: Any) -> pb.Binding:
        """Attach a channel to a room."""
        request = pb.AttachChannelRequest(
            room_id=room_id, channel_id=channel_id, binding=pb.Binding(**fields)
        )
        return (await self.do(request)).binding

    async def add(
        self,
        channel_id: str,
        kind: int = pb.CHANNEL_TYPE_WEBSOCKET,
        room_id: str = "r1",
        binding: dict[str, Any] | None = None,
        **fields: Any,
    ) -> pb.Binding:
        """Register a channel and attach it."""
        await self.register(channel_id, kind, **fields)
        return await self.attach(channel_id, room_id, **(binding or {}))

    async def binding(self, channel_id: str, room_id: str = "r1") -> pb.Binding:
        """The binding as it is now."""
        request = pb.GetBindingRequest(room_id=room_id, channel_id=channel_id)
        return (await self.do(request)).binding

    async def change(self, channel_id: str, *paths: str, **fields: Any) -> pb.Binding:
        """Update a binding in the room r1."""
        binding = pb.Binding(room_id="r1", channel_id=channel_id, **fields)
        mask = FieldMask(paths=paths or tuple(fields))
        return (await self.do(pb.UpdateBindingRequest(binding=binding, update_mask=mask))).binding

    async def say(
        self,
        text: str | pb.Content,
        channel_id: str = "ws",
        sender: str = "ada",
        room_id: str = "r1",
        **fields: Any,
    ) -> pb.ProcessInboundResponse:
        """A message from outside; answered when all that it sets off has been tried."""
        content = text if isinstance(text, pb.Content) else text_content(text)
        message = pb.InboundMessage(
            channel_id=channel_id, sender_id=sender, content=content, **fields
        )
        request = pb.ProcessInboundRequest(message=message, room_id=room_id, wait=pb.WAIT_DELIVERED)
        return await self.do(request)

    async def timeline(self, room_id: str = "r1") -> list[pb.RoomEvent]:
        """Everything in the room, ascending."""
        request = pb.ListEventsRequest(room_id=room_id, page_size=1000)
        return list((await self.do(request)).events)

    async def messages(self, room_id: str = "r1") -> list[pb.RoomEvent]:
        """What was said in the room, ascending."""
        timeline = await self.timeline(room_id)
        return [event for event in timeline if event.type == pb.EVENT_TYPE_MESSAGE]

    async def deliveries(self, channel_id: str, room_id: str = "r1") -> list[pb.Delivery]:
        """What was planned for a channel, ascending."""
        request = pb.ListDeliveriesRequest(room_id=room_id, channel_id=channel_id, page_size=1000)
        return list(reversed((await self.do(request)).deliveries))

    async def participant(self, participant_id: str, **fields: Any) -> pb.Participant:
        """Add somebody to the room r1."""
        who = pb.Participant(participant_id=participant_id, **fields)
        request = pb.AddParticipantRequest(room_id="r1", participant=who)
        return (await self.do(request)).participant

    # ------------------------------------------------------------------ who is told

    def told(self, *kinds: str) -> list[pb.FrameworkEvent]:
        """Framework events of these types so far."""
        return [event for event in self.tail.events if event.type in kinds]

    async def observe(self, *triggers: int, behave: Any = None) -> Worker:
        """A worker that observes; it answers at once unless told otherwise."""
        handler, behave = hook("watch", spec(OBSERVE, *triggers)), behave or (lambda _: pb.Done())
        return self._keep(await grpc_worker(self.client, handler, behave=behave))

    async def forbid(self, word: str) -> Worker:
        """A hook that blocks whatever contains a word."""

        def judge(invocation: pb.Invocation) -> pb.HookDecision:
            said = invocation.hook.event.content.text.body
            return block("bad word") if word in said else allow()

        return self._keep(await grpc_worker(self.client, hook("gate", spec()), behave=judge))

    async def provider(self, handler: str = "gateway", **options: Any) -> Provider:
        """A worker that serves channels."""
        made = Provider(handler, pb.ChannelProviderSpec(**options))
        await made.attach(self.client)
        return self._keep(made)

    def _keep(self, worker: Any) -> Any:
        self._open.append(worker)
        return worker

    @asynccontextmanager
    async def dial(self, channel_id: str = "ws", **fields: Any) -> AsyncIterator[Dialled]:
        """A live connection."""
        call = self.client.bidi(CONNECT)
        line = Dialled(call)
        await line.tell(open=pb.Open(channel_id=channel_id, **fields))
        line.opened = (await call.read()).opened
        line.connection_id = line.opened.connection_id
        try:
            yield line
        finally:
            call.cancel()


class Provider:
    """A worker that serves channels: remembers what it was given, answers as it is told."""

    def __init__(self, handler: str, described: pb.ChannelProviderSpec) -> None:
        self._handler = pb.Handler(name=handler, spec=pb.HandlerSpec(channel_provider=described))
        self.delivered: list[pb.ChannelDelivery] = []
        self.asked: list[pb.ChannelDelivery] = []
        self.outcome = pb.DeliveryResult(state=pb.DELIVERY_STATE_SENT)
        self.response = pb.Response()

    async def attach(self, client: Client) -> None:
        """Begin to serve."""
        self.worker = await grpc_worker(client, self._handler, behave=self._behave)

    async def kill(self) -> None:
        """Go without a word."""
        await self.worker.kill()

    @property
    def texts(self) -> list[str]:
        """The text of everything delivered."""
        return [one.event.content.text.body for one in self.delivered]

    def _behave(self, invocation: pb.Invocation) -> pb.HandlerResult:
        call = invocation.call
        if call.HasField("respond"):
            self.asked.append(call.respond)
            return pb.HandlerResult(response=self.response)
        self.delivered.append(call.deliver)
        result = pb.DeliveryResult(provider_message_id=f"m{len(self.delivered)}")
        result.MergeFrom(self.outcome)
        outcome = pb.DeliveryOutcome(result=result)
        if self.response.ByteSize():
            outcome.response.CopyFrom(self.response)
        return pb.HandlerResult(delivery=outcome)


def text_content(body: str) -> pb.Content:
    """Plain text."""
    return pb.Content(text=pb.TextContent(body=body))


def timers(inactive: float = 0, closed: float = 0) -> pb.RoomTimers:
    """Timers in seconds."""
    return pb.RoomTimers(inactive_after=duration(inactive), closed_after=duration(closed))


@asynccontextmanager
async def house(file: Path | None = None, **options: Any) -> AsyncIterator[House]:
    """A running server: in memory, or on a file."""
    made = House(f"sqlite:///{file}" if file else "sqlite://:memory:", options)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
